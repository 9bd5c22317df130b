"""Programs around the project: the month's bill, the SBOM, the Terraform reference."""
