output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Where the load balancer and the way out are."
  value       = [for subnet in aws_subnet.public : subnet.id]
}

output "private_subnet_ids" {
  description = "Where the tasks are."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "nat_addresses" {
  description = "The addresses that the service calls others from, for their allow-lists."
  value       = concat([for address in aws_eip.nat : address.public_ip], aws_eip.nat_instance[*].public_ip)
}
