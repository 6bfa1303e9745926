package cli

const rootHelp = `Sealift moves files into Amazon S3 with credentials that can do nothing else,
and comes back with a record of what was stored that can be checked against
AWS's own.

New here? sealift demo shows all of it on this machine, without an AWS account.

Exit codes: 0 done, 1 failed (also: object exists, bucket missing), 2 usage,
3 incomplete and can be resumed, 4 denied or no usable credentials, 5 integrity
or an outcome that cannot be proven, 7 all sent or verified but some files could
not be read, 130 interrupted.

Every flag has an environment variable (--part-size is SEALIFT_PART_SIZE) and a
name in the configuration file $XDG_CONFIG_HOME/sealift/config.toml
(part-size = "16MiB"); docs/configuration.md has the rest.`

const uploadHelp = `Upload files to S3: a file of at most one part by one PutObject, a larger one in
parts, several at once, each with its CRC64NVME. Only when S3 confirms the sum of
the whole object is it stored, and a receipt kept.

Sealift signs in as the profile says, assumes its role (or --role-arn), and
narrows the session to the keys of this one run: whoever steals it can write
these keys for an hour, and read nothing.

One source and a destination that does not end in / is an exact key; several
sources need one that ends in /, or a bucket, and keep their names. Only regular
files and streams are uploaded.

A folder is sent with all that is in it, under a prefix to which the session is
narrowed. --exclude, --include, .sealiftignore files and --files-from choose
among its files; --dry-run says what would go where. Links, FIFOs and the like are
passed over. One bad file stops no other: it is counted, named at the end, and
the exit code is 7 where it could not be read. With --if-exists changed a folder
that is sent again sends what changed, by the receipts that were kept.

A stream is - (standard input) or a FIFO. It goes alone, to an exact key, and is
read once: parts grow as it goes, up to 32 TiB, and lie in memory (64 MiB), after
8 GiB in --spool-dir, until S3 has them. Sealift cannot see whether what wrote into
the pipe was done or died: its end is the end of the object, even with set -o
pipefail, which tells only the shell. Where that matters, look at the writer's exit
status before the object is used.

Replacing an object is refused unless --if-exists says so. Without a reader
(--reader-profile) S3 can say so only at the end of the upload.

Each object is one line on standard output: its address, a tab, the path of its
receipt. Ctrl-C keeps uploads in parts that are under way, as kill -9, an outage
and a loss of power do: the same command, or sealift resume, goes on with them.
--on-interrupt abort leaves nothing in S3.`

const uploadExamples = `  # The profile names the role; the key is in/big.iso
  sealift upload --profile uploader-profile big.iso s3://my-bucket/in/

  # An exact key, a role given here, tags, and KMS
  sealift upload report.pdf s3://my-bucket/2026/q3.pdf \
      --role-arn arn:aws:iam::123456789012:role/s3-uploader-role \
      --tagging 'team=finance&year=2026' --sse-kms-key-id arn:aws:kms:eu-west-1:123456789012:key/…

  # What a command prints, however much
  set -o pipefail
  pg_dump mydb | zstd | sealift upload - s3://my-bucket/db/mydb.zst

  # A folder, but for its logs; the next time what changed since
  sealift upload --exclude '*.log' --if-exists changed site/ s3://my-bucket/www/

  # In a script: JSON lines, the receipt in a file
  sealift upload --json --receipt big.receipt.json big.iso s3://my-bucket/in/big.iso`

const demoHelp = `Show an upload that can do nothing else, on this machine: starts a sandbox of its
own on a free port, makes a sample of 64 MiB (or takes FILE), signs in as
uploader-profile says, assumes s3-uploader-role with a session narrowed to one
key, and uploads in parts with a live bar.

Then it proves the narrowing. The same session tries to read the object, to
write another key, to list the bucket and to delete, and must be refused each
time; the reader role reads the object, whose SHA-256 must be the file's.

It exits with 0 only if all of that held, leaves nothing behind, and ignores
AWS_* and SEALIFT_* variables and configuration files.`

const credentialsHelp = `Print credentials of a session that can write what --allow names and do nothing
else, for tools that know nothing of Sealift. The session comes from the profile
and its role, as for upload, and is narrowed in the same way.

With --format process, the default, the output is what AWS SDKs and the AWS CLI
read from a credential_process. The secrets are on standard output and nowhere
else: mind where it goes.`

const credentialsExamples = `  # In ~/.aws/config: a profile for any AWS client, good for one key
  [profile only-big-iso]
  credential_process = sealift credentials --profile uploader-profile --allow s3://my-bucket/in/big.iso

  # In a shell
  eval "$(sealift credentials --profile uploader-profile --allow s3://my-bucket/in/ --format env)"`

const presignHelp = `Print a URL by which somebody else, with no AWS account, can store one object:
this key, this many bytes, with this sum, by PUT, until it expires. Anything else
S3 refuses; a key that holds an object too, unless --if-exists overwrite.

The URL is made with a session narrowed to that one key, as for upload, and ends
with it: --expires beyond the session is refused (--session-duration). Nothing
is sent, not even to see whether the bucket is there; --region must be its own.

The URL is a secret until it is over, and is on standard output and nowhere
else. The headers on standard error must be sent with it exactly as they stand.
A CRC64NVME finds accidents, but other bytes with the same one can be made on
purpose: give a SHA-256 where whoever gets the URL is not trusted with that.

There is no receipt: Sealift does not learn what becomes of the URL. The run's id
is in the name of the session, so in CloudTrail's record of the PutObject.`

const presignExamples = `  # Size and sum from a copy of the file; curl sends the length by itself
  sealift presign s3://my-bucket/in/big.iso --file big.iso --expires 1h --session-duration 2h

  # What somebody else has, by the sum that they told
  sealift presign s3://my-bucket/in/report.pdf --size 48213 --checksum "$SHA256" --content-type application/pdf

  # A command that they can run as it is, or JSON for a program
  sealift presign s3://my-bucket/in/big.iso --file big.iso --curl
  sealift presign s3://my-bucket/in/big.iso --file big.iso --json`

const resumeHelp = `Go on with runs that stopped: interrupted, killed, cut off by an outage or an
expired session. The command line of each is given again in the folder where it
was given, so the same upload command does the same.

What S3 has of an upload in parts is not sent again; it is summed again from the
file, and where the file has changed the upload begins anew, said aloud. Files
that a run has stored already are skipped. The run keeps its ULID, and with it
its session's name; the session is minted anew.

Without arguments all runs that stopped are gone on with, the oldest first.`

const resumeExamples = `  # All that stopped
  sealift resume

  # One run, as an interrupted upload names it
  sealift resume 01KAVQ7M2E8R5T9W3Y6Z0B4C1D`

const statusHelp = `List runs that are unfinished, with their uploads in parts and how far each has
come, and the latest that are over, with their receipts. It reads the state folder
and asks nobody; sealift cleanup asks S3 what is open there.`

const statusExamples = `  sealift status
  sealift status 01KAVQ7M2E8R5T9W3Y6Z0B4C1D
  sealift status --json | jq -r 'select(.state == "stopped").run'`

const abortHelp = `Give up unfinished uploads: a run's, or one transfer's. What S3 has of them is
freed, and it is looked that it is gone. Objects that are stored stay.

It signs in as the command did that began the run, unless --profile or --role-arn
say otherwise.`

const abortExamples = `  sealift abort 01KAVQ7M2E8R5T9W3Y6Z0B4C1D`

const verifyHelp = `Hold receipts against what they are about. A RECEIPT is a file with one (*.json)
or with one a line (*.jsonl, as a folder's upload writes), a folder of such files,
or - for standard input.

The local file is read once, from start to end: its size, CRC64NVME, and SHA-256
where the receipt has one, must be the receipt's. Nothing is asked of any network,
and no credentials are looked for, unless a reader is named.

With a reader (--reader-profile or --reader-role-arn) S3 is asked too: the key must
hold the receipt's version, with its size, ETag, checksum, encryption and transfer.
--download reads every byte of that version and sums it. A COMPOSITE checksum is of
the parts' checksums, and is compared as S3 gave it; where the server keeps none,
only --download proves the bytes. The reader's session may read the receipts' keys,
list these keys, and nothing else.

The file is looked for where source.path of the receipt says, from the folder in
which sealift verify runs. --source FILE names another, for one receipt. --source
FOLDER looks under FOLDER for the same path, without its leading /;
--strip-components N leaves out the first N folders of it, as tar does. --against s3 asks
S3 alone, where the files are gone.

Each receipt is a line on standard output: verified or failed, a tab, the object, a
tab, what it was held against or what differs: the field, the receipt's value, the
one found. One that cannot be used is named by file and line, and stops no other.

It exits with 0 only if all that was asked is proven; 5 if anything differs, is gone
or replaced, or a receipt is not as sealift wrote it; 7 if a local file could not be
read and all else holds; 4 if the reader may not look.`

const verifyExamples = `  # One upload against the file, without a network
  sealift verify big.receipt.json

  # A folder's upload, against the files and S3
  sealift verify ~/.local/state/sealift/receipts/01KAVQ7M2E8R5T9W3Y6Z0B4C1D.jsonl --reader-profile reader-profile

  # The files are gone: S3 alone, every byte
  sealift verify --against s3 --download --reader-profile reader-profile receipts/

  # site/ was moved to /mnt/archive/www
  sealift verify --source /mnt/archive/www --strip-components 1 site.jsonl

  # In a script: what failed, and in which fields
  sealift verify --json receipts/ | jq -c 'select(.type == "failed") | [.object, .differs]'`

const cleanupHelp = `List the multipart uploads that are open in a bucket, under a prefix: their age,
who opened them, their parts and bytes, and what keeping them costs a month. S3
stores and charges the parts of an upload until it is completed or aborted, and
no listing of objects shows them.

Then abort those that are ours and stale: a journal here names them, or the
session that opened them is named sealift-…; nothing has happened to them for
--older-than, a day unless given; and no process is at work on them. It asks on a
terminal, or takes --yes; without either it only lists. What is not ours is aborted
with --others and --older-than alone. After each abort it is looked that S3 has no
part left. An upload that its run could go on with begins anew then.

The session is a housekeeping one: it may list the bucket's open uploads, and list
parts and abort under the prefix. The role must have these rights too.

On a terminal there is a table. In a pipe a line has, with tabs between: abort or
keep, address, upload id, journal, session or other, when it was opened, storage
class, parts, bytes, who opened it; then, for each that was to be aborted, aborted
or failed, address and upload id.`

const cleanupExamples = `  # What is open, and what it costs
  sealift cleanup --dry-run s3://my-bucket/
  sealift cleanup --dry-run --price 0.021 s3://my-bucket/in/

  # Every night: abort ours that nothing has happened to for three days
  sealift cleanup --yes --older-than 72h s3://my-bucket/in/

  # Everybody's, after asking
  sealift cleanup --others --older-than 720h s3://my-bucket/

  # For a program: JSON lines
  sealift cleanup --json --dry-run s3://my-bucket/ | jq 'select(.type == "upload")'`
