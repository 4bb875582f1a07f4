#!/bin/sh
# Whether the store lists its buckets for the key that MLflow's server has. The request is signed,
# with the client that the image carries; the key goes in by the environment or stdin alone.
set -eu
if command -v curl >/dev/null; then
  printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" |
    curl --config - --aws-sigv4 aws:amz:us-east-1:s3 --fail --silent --show-error --max-time 8 \
      --output /dev/null http://127.0.0.1:9000/
else
  rclone --config '' --contimeout 4s --timeout 8s --retries 1 --low-level-retries 1 \
    lsd ':s3,provider=Other,env_auth=true,endpoint="http://127.0.0.1:9000":' >/dev/null
fi
