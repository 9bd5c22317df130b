#!/bin/bash
# Make this instance the way out of the private subnets: take the network interface that their routes lead to, and
# translate addresses on it. An instance that can't is ended, and its group starts another one.
set -euo pipefail
trap 'poweroff' ERR

device() { # print the name of the interface, or nothing while it is not attached
  ip -o link | awk -v mac="${mac}" 'index($0, mac) { sub(":", "", $2); print $2 }'
}

metadata=http://169.254.169.254/latest
token=$(curl -sf -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 300" "$metadata/api/token")
instance=$(curl -sf -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/instance-id")

# The instance before this one may hold the interface for a while.
for _ in $(seq 60); do
  if [ -n "$(device)" ]; then break; fi
  aws ec2 attach-network-interface --region "${region}" --network-interface-id "${interface}" \
    --instance-id "$instance" --device-index 1 || true
  sleep 5
done
nat=$(device)
[ -n "$nat" ]

# Its address comes by DHCP.
for _ in $(seq 60); do
  if ip -4 -o address show dev "$nat" | grep -q inet; then break; fi
  sleep 1
done
ip -4 -o address show dev "$nat" | grep -q inet

systemctl restart systemd-networkd
ip route replace default via "${router}" dev "$nat" onlink metric 50
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 "net.ipv4.conf.$nat.rp_filter=0"
nft -f - <<RULES
table ip nat
delete table ip nat
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "$nat" masquerade
  }
}
RULES
