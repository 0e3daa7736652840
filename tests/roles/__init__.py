"""The roles of `singletable infra iam`, against a simulator of IAM and the requests that the code really sends."""
