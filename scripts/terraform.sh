#!/usr/bin/env bash
# Terraform's own checks, with no account: format, validate, plan, test, and that planted faults are found.
# TERRAFORM_CHECK is a folder whose `run` works with no registry either; by default one beside the project.
set -euo pipefail
cd "$(dirname "$0")/.."
check=${TERRAFORM_CHECK:-../shared/terraform-check}/run
roots=(terraform terraform/examples/minimal terraform/examples/production)
say() { printf 'terraform: %s\n' "$*"; }

command -v terraform >/dev/null || { say "not installed: SKIPPED (format, validate, plan, test)"; exit 0; }
terraform fmt -check -diff -recursive terraform
say "the format is right"
[ -x "$check" ] || { say "no $check (set TERRAFORM_CHECK): SKIPPED (validate, plan, test). With a registry: cd terraform && terraform init && terraform test"; exit 0; }

engines=(schema)
if "$check" setup | grep -q "real provider: present"; then engines+=(real); else say "no AWS provider on this machine: its own engine is SKIPPED"; fi
for engine in "${engines[@]}"; do
  "$check" --engine "$engine" validate "${roots[@]}"
  for root in "${roots[@]:1}"; do
    said=$("$check" --engine "$engine" plan "$root") || { printf '%s\n' "$said"; exit 1; }
    say "$root, $engine engine: $(grep '^Plan:' <<<"$said")"
  done
  "$check" --engine "$engine" test terraform
done

# A gate that lets faults pass is none.
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
plant() { # file, sed script, what it is
  rm -rf "$planted/terraform" && cp -r terraform "$planted/"
  sed -i "$2" "$planted/terraform/$1"
  if cmp -s "terraform/$1" "$planted/terraform/$1"; then say "$3: nothing was planted"; exit 1; fi
  if "$check" --engine schema validate "$planted/terraform" >"$planted/said" 2>&1; then say "$3: NOT FOUND"; exit 1; fi
  say "found: $3: $(grep -m1 '^Error' "$planted/said")"
}
plant modules/queue/main.tf 's/sqs_managed_sse_enabled /sqs_managed_sse_enable /' "a wrong attribute"
plant modules/events/main.tf '/^  arn  *= aws_sns_topic.events.arn/d' "a missing argument"
plant main.tf '/visibility_timeout = /d' "a module's missing argument"
plant modules/service/main.tf 's/aws_ecs_task_definition.worker.arn/aws_ecs_task_definition.workers.arn/' "a wrong reference"
