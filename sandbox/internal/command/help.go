package command

import "fmt"

// help is the manual.
func help() string {
	return fmt.Sprintf(`sealift-sandbox: an AWS on loopback, enough for Sealift.

It answers for S3 and STS on one port, weighs IAM policies as AWS does, and
keeps everything in one folder. Nothing in it reaches AWS.

Usage:
  sealift-sandbox [flags]

Flags:
  --addr HOST:PORT   where to listen; port 0 takes a free one (default %s)
  --dir DIR          keep everything in DIR, made if need be, and go on with what
                     is there; without it a temporary folder, removed at the end
  --tls              serve https, with a certificate of the sandbox's own
                     authority (DIR/tls/ca.pem)
  --json             when ready, print one line of JSON and nothing else
  --allow-remote     listen beyond loopback; whoever reaches the port can ask its
                     token issuer for tokens
  --help             this text

For tests:
  --min-session D    shortest session STS gives (default 15m, as AWS)
  --packed-limit N   bytes of packed session policy and tags let through
                     (default 1024; AWS does not tell its own)
  --checksums WAY    keep does as S3; ignore names none in answers, refuse answers
                     NotImplemented to them, as older servers do
  --with-options     in a new DIR, the upload role may also tag, lock and use the
                     KMS key that its bucket is written for, and the bucket
                     keeps object locks (the key: key/5ea11f70-0000-4000-8000-
                     000000000001 of the account and region below)
  --mfa-code CODE    a code that every MFA device takes, besides its own

When ready it prints shell to evaluate; the same text is in DIR/env. SIGTERM
and Ctrl-C stop it, once requests in flight have ended or after two seconds, or
at once when told again. Exit codes: 0 stopped, 1 failed, 2 usage.

Examples:
  sealift-sandbox --dir ~/sandbox            # one terminal
  . ~/sandbox/env                            # another
  sealift upload big.iso s3://my-secure-upload-bucket-007/
  aws sts get-caller-identity
  aws --profile reader-profile s3 ls s3://my-secure-upload-bucket-007/

  sealift-sandbox --addr 127.0.0.1:0 --json  # for programs

What is there at the start (account 123456789012, region us-east-1):
  user uploader           may assume the upload role and nothing else; MFA device
                          arn:aws:iam::123456789012:mfa/uploader
                          (TOTP seed JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP)
  user sandbox-admin      all rights, for setting things up
  s3-uploader-role        put, abort, list parts; list open uploads
  s3-reader-role          read and list, for verify
  s3-monitor-role         read the trail's bucket
  s3-web-identity-role    rights of s3-uploader-role, by a token of the issuer
  my-secure-upload-bucket-007, my-secure-upload-trail
                          versioned, AES256, ACLs off, public access blocked
  profiles uploader-profile uploader-base reader-profile monitor-profile
  sandbox-admin           in DIR/config and DIR/credentials
  token issuer            ENDPOINT/.oidc/token?subject=S&audience=sts.amazonaws.com
                          answers as GitHub Actions' token service does

Sessions are revoked as by IAM with a bucket policy that denies the role where
aws:TokenIssueTime is before now (DateLessThan), and given back by deleting it.

A refused request carries the header X-Sandbox-Reason, which says what AWS
does not: which policy and statement decided, or which trust was missing.

What it cannot do:
  - encrypt: SSE headers are remembered and repeated, and the right to use a
    KMS key is asked for, but bytes are stored as they came; no SSE-C
  - IAM and KMS as services, permission boundaries, service control policies,
    managed policies, groups, other accounts; users and roles are fixed
  - SNS, CloudTrail: not yet; the bucket's notification, lifecycle and logging
    documents are stored and answered, and nothing acts on them
  - replication, inventory, analytics, website hosting, access points,
    transfer acceleration, Glacier, ACLs; requester pays
    asks for the header, of all but the administrator, and bills nobody
  - public buckets and unsigned requests; browser forms (POST object)
  - SAML, GetFederationToken, PolicyArns
  - keys are file paths: a and a/b cannot both exist, a/ holds no bytes; keys with
    empty, . or .. segments (x//y), NUL bytes or segments over 255 bytes are refused
  - encoding-type=url in listings: keys with control characters are stored but
    cannot be listed
  - s3:ExistingObjectTag conditions; storage class in listings
  - AWS's times: throttling, delays, eventual anything
`, defaultAddr)
}
