# Made empty: values are put in by `aws secretsmanager put-secret-value` and never pass through Terraform or its state.
resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV_AWS_149:Encrypted with Secrets Manager's own key; only this account's roles read them.
  #checkov:skip=CKV2_AWS_57:GitHub and the model's provider issue them; no Lambda can renew them. Rotation by hand is in terraform/README.md.
  for_each = var.variables

  name                    = "${var.name}/${lower(replace(each.key, "_", "-"))}"
  description             = "${each.key} of ${var.name}"
  recovery_window_in_days = var.recovery_days
  tags                    = var.tags
}
