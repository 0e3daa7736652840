"""The roles of `singletable infra iam`, tested with a simulator of IAM and the requests that the code sends."""
