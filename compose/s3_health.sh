#!/bin/sh
# Whether the store lists its buckets for the key that MLflow's server has. The request is signed,
# with the client that the image carries; the key goes in by the environment or stdin alone.
# `sh s3_health.sh`; elsewhere than in the container with an address behind it.
set -eu
address=${1:-http://127.0.0.1:9000}
if command -v curl >/dev/null; then
  printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" |
    curl --config - --aws-sigv4 aws:amz:us-east-1:s3 --fail --silent --show-error --max-time 8 \
      --output /dev/null "$address/"
else
  rclone --config '' --contimeout 4s --timeout 8s --retries 1 --low-level-retries 1 \
    lsd ":s3,provider=Other,env_auth=true,endpoint=\"$address\":" >/dev/null
fi
