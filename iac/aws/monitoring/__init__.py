"""Dashboard and alarms, made from the metrics that the code defines: `iac/aws/monitoring.yaml`."""
