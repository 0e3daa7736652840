"""The stream's Lambda function: `shop.awslambda.handler`. What is missing is told when the function starts."""

from shop.stream import router

handler = router.lambda_handler
