#!/bin/sh
# Runs a command of the image's build with what the two optional secrets say of the network.
set -eu
if [ -s /run/secrets/network ]; then set -a; . /run/secrets/network; set +a; fi
if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi
exec "$@"
