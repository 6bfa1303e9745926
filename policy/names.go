package policy

import "cmp"

// Names says which account, buckets, roles and topic the documents are written
// for. All fields are names, not ARNs, except KMSKey.
type Names struct {
	Partition string // "" = aws
	Account   string // twelve digits
	Region    string // "" = us-east-1
	Bucket    string // where uploads go
	Prefix    string // keys the upload and reader roles may touch start with it; "" = all

	User        string // "" = uploader
	UploadRole  string // "" = s3-uploader-role
	ReaderRole  string // "" = s3-reader-role
	MonitorRole string // "" = s3-monitor-role

	TrailBucket string
	Trail       string // "" = uploads
	Topic       string // "" = upload-notifications

	AccessPoint string // ARN of one of the bucket, through which the roles may go too; "" = none

	KMSKey string // ARN of the key that encrypts the bucket; "" = SSE-S3

	TLS         bool // write the statements that deny plain http and TLS below 1.2
	Tagging     bool // the upload role may also set tags on what it writes
	Retention   bool // the upload role may also lock what it writes until a date
	LegalHold   bool // the upload role may also put a legal hold on what it writes
	NewKeysOnly bool // the bucket refuses object writes without If-None-Match
}

// Filled is n with every default written out.
func (n Names) Filled() Names {
	n.Partition = cmp.Or(n.Partition, "aws")
	n.Region = cmp.Or(n.Region, "us-east-1")
	n.User = cmp.Or(n.User, "uploader")
	n.UploadRole = cmp.Or(n.UploadRole, "s3-uploader-role")
	n.ReaderRole = cmp.Or(n.ReaderRole, "s3-reader-role")
	n.MonitorRole = cmp.Or(n.MonitorRole, "s3-monitor-role")
	n.Trail = cmp.Or(n.Trail, "uploads")
	n.Topic = cmp.Or(n.Topic, "upload-notifications")
	return n
}

// UserARN is the user who may assume the roles.
func (n Names) UserARN() string { return n.iam("user/" + n.Filled().User) }

// UploadRoleARN is the role that uploads.
func (n Names) UploadRoleARN() string { return n.iam("role/" + n.Filled().UploadRole) }

// ReaderRoleARN is the role that verifies.
func (n Names) ReaderRoleARN() string { return n.iam("role/" + n.Filled().ReaderRole) }

// MonitorRoleARN is the role that reads the trail.
func (n Names) MonitorRoleARN() string { return n.iam("role/" + n.Filled().MonitorRole) }

// BucketARN is the bucket that uploads go to.
func (n Names) BucketARN() string { return n.s3(n.Bucket) }

// TrailBucketARN is the bucket that CloudTrail delivers to.
func (n Names) TrailBucketARN() string { return n.s3(n.TrailBucket) }

// TopicARN is the topic that hears of uploads.
func (n Names) TopicARN() string { return n.regional("sns", n.Filled().Topic) }

// TrailARN is the trail.
func (n Names) TrailARN() string { return n.regional("cloudtrail", "trail/"+n.Filled().Trail) }

// keys are the patterns of the keys that the roles may touch.
func (n Names) keys() Strings {
	keys := Escape(n.Prefix) + "*"
	all := Strings{n.BucketARN() + "/" + keys}
	if n.AccessPoint != "" {
		all = append(all, n.AccessPoint+"/object/"+keys)
	}
	return all
}

func (n Names) s3(bucket string) string { return "arn:" + n.Filled().Partition + ":s3:::" + bucket }

func (n Names) iam(path string) string {
	return "arn:" + n.Filled().Partition + ":iam::" + n.Account + ":" + path
}

func (n Names) regional(service, path string) string {
	f := n.Filled()
	return "arn:" + f.Partition + ":" + service + ":" + f.Region + ":" + n.Account + ":" + path
}

// allow is one statement of an identity policy.
func allow(sid string, resource Strings, actions ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resource}
}

// document puts statements together.
func document(statements ...Statement) Document {
	return Document{Version: version, Statement: statements}
}
