"""Infrastructure: CloudFormation templates and IAM policies from the models (extra `infra`)."""
