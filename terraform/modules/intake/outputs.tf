output "alb_dns_name" {
  description = "The load balancer's address; a domain's CNAME or alias points to it."
  value       = aws_lb.this.dns_name
}

output "alb_zone_id" {
  description = "The load balancer's hosted zone, for a Route 53 alias."
  value       = aws_lb.this.zone_id
}

output "security_group_id" {
  description = "The load balancer's security group."
  value       = aws_security_group.this.id
}

output "target_group_arn" {
  description = "Where the service registers its tasks."
  value       = aws_lb_target_group.worker.arn
  # ECS refuses a target group that no load balancer uses yet.
  depends_on = [aws_lb_listener.https, aws_lb_listener_rule.health]
}

output "alb_metrics_name" {
  description = "The load balancer, as its metrics name it."
  value       = aws_lb.this.arn_suffix
}

output "target_group_metrics_name" {
  description = "The target group, as its metrics name it."
  value       = aws_lb_target_group.worker.arn_suffix
}
