#!/usr/bin/env bash
# Terraform's own checks, with no account: format, validate, plan, test, and that planted faults are found.
# With Terraform's registry nothing else is needed. Without it, TERRAFORM_CHECK names a folder with a program `run`, which
# validates, plans and tests with a stand-in for the AWS provider ("schema") and, where there is one, with the provider
# itself ("real"). A folder terraform-check near the project is found.
set -euo pipefail
cd "$(dirname "$0")/.."
check=${TERRAFORM_CHECK:-$(echo ../*/terraform-check)}/run
roots=(terraform terraform/examples/account terraform/examples/minimal terraform/examples/production)
newest=6.66.0 # of the AWS provider, beside the version that the examples name
say() { printf 'terraform: %s\n' "$*"; }

command -v terraform >/dev/null || { say "not installed: SKIPPED (format, validate, plan, test)"; exit 0; }
terraform fmt -check -diff -recursive terraform
say "the format is right"
if [ ! -x "$check" ]; then
  for root in "${roots[@]}"; do
    terraform -chdir="$root" init -backend=false -input=false >/dev/null
    terraform -chdir="$root" validate
  done
  terraform -chdir=terraform test
  exit 0
fi

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

copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
cp -r terraform "$copies/"
sed -i "s/version = \"5.100.0\"/version = \"$newest\"/" "$copies"/terraform/examples/*/main.tf
for what in validate test; do
  "$check" --engine schema --schema "$newest" "$what" "$copies/terraform"
done
say "the modules and examples also fit provider $newest"

# A gate that lets faults pass is none.
planted=$copies/planted
plant() { # file, sed script, what it is
  rm -rf "$planted" && mkdir "$planted" && cp -r terraform "$planted/"
  sed -i "$2" "$planted/terraform/$1"
  if cmp -s "terraform/$1" "$planted/terraform/$1"; then say "$3: nothing was planted"; exit 1; fi
  if "$check" --engine schema validate "$planted/terraform" >"$planted/said" 2>&1; then say "$3: NOT FOUND"; exit 1; fi
  say "found: $3: $(grep -m1 '^Error' "$planted/said")"
}
plant modules/queue/main.tf 's/sqs_managed_sse_enabled /sqs_managed_sse_enable /' "a wrong attribute"
plant modules/events/main.tf '/^  arn  *= aws_sns_topic.events.arn/d' "a missing argument"
plant main.tf '/visibility_timeout = /d' "a module's missing argument"
plant modules/service/main.tf 's/aws_ecs_task_definition.worker.arn/aws_ecs_task_definition.workers.arn/' "a wrong reference"
