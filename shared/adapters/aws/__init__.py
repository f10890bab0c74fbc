"""Adapters on AWS: DynamoDB, S3, SQS, Batch, EventBridge, Secrets Manager; boto3 is used here."""
