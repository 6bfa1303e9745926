// Package access says what an S3 request is: which operation, on what, which
// permissions it needs, and what policy conditions may ask of it.
//
// It is a pure function of the request's line and headers. It does not read
// bodies: DeleteObjects names its keys there, so whoever reads the body asks
// Delete for each.
//
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
// (recalled, not read again for this code).
package access

import (
	"net/http"
	"net/url"
	"strings"
)

// A Request is what Describe looks at.
type Request struct {
	Method string
	Bucket string // "" = the service
	Key    string // unescaped; "" = the bucket
	Query  url.Values
	Header func(name string) string
}

// An Operation is one S3 call.
type Operation struct {
	Name   string // as S3's API names it, "" if it is not one the sandbox knows
	Bucket string
	Key    string
	Needs  []Permission // all must be allowed
}

// A Permission is one action on one resource.
type Permission struct {
	Action   string // "s3:PutObject"
	Resource string // ARN
}

// BucketARN names a bucket.
func BucketARN(bucket string) string { return "arn:aws:s3:::" + bucket }

// ObjectARN names an object.
func ObjectARN(bucket, key string) string { return BucketARN(bucket) + "/" + key }

// Describe names the operation of r.
func Describe(r Request) Operation {
	op := Operation{Bucket: r.Bucket, Key: r.Key}
	switch {
	case r.Bucket == "" && r.Method == http.MethodGet:
		op.Name = "ListBuckets"
		op.need("s3:ListAllMyBuckets", "*")
	case r.Bucket == "":
	case r.Key == "":
		op.describeBucket(r)
	default:
		op.describeObject(r)
	}
	return op
}

// Delete is what deleting one key of DeleteObjects needs.
func Delete(bucket, key, version string) Permission {
	if version != "" {
		return Permission{"s3:DeleteObjectVersion", ObjectARN(bucket, key)}
	}
	return Permission{"s3:DeleteObject", ObjectARN(bucket, key)}
}

// ListPermission is what makes a missing key a 404; without it S3 answers 403.
func ListPermission(bucket string) Permission {
	return Permission{"s3:ListBucket", BucketARN(bucket)}
}

func (op *Operation) need(action, resource string) {
	op.Needs = append(op.Needs, Permission{action, resource})
}

func (op *Operation) onBucket(name, action string) {
	op.Name = name
	op.need("s3:"+action, BucketARN(op.Bucket))
}

func (op *Operation) onObject(name string, actions ...string) {
	op.Name = name
	for _, a := range actions {
		op.need("s3:"+a, ObjectARN(op.Bucket, op.Key))
	}
}

// A subresource of a bucket is reached by its name in the query.
type subresource struct {
	query  string
	name   string // as in GetBucket…
	get    string // action without s3:
	put    string
	delete string // "" = put's
}

var subresources = []subresource{
	{"policy", "Policy", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"},
	{"policyStatus", "PolicyStatus", "GetBucketPolicyStatus", "", ""},
	{"acl", "Acl", "GetBucketAcl", "PutBucketAcl", ""},
	{"cors", "Cors", "GetBucketCORS", "PutBucketCORS", ""},
	{"tagging", "Tagging", "GetBucketTagging", "PutBucketTagging", ""},
	{"versioning", "Versioning", "GetBucketVersioning", "PutBucketVersioning", ""},
	{"lifecycle", "LifecycleConfiguration", "GetLifecycleConfiguration", "PutLifecycleConfiguration", ""},
	{"notification", "NotificationConfiguration", "GetBucketNotification", "PutBucketNotification", ""},
	{"encryption", "Encryption", "GetEncryptionConfiguration", "PutEncryptionConfiguration", ""},
	{"publicAccessBlock", "PublicAccessBlock", "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", ""},
	{"ownershipControls", "OwnershipControls", "GetBucketOwnershipControls", "PutBucketOwnershipControls", ""},
	{"logging", "Logging", "GetBucketLogging", "PutBucketLogging", ""},
	{"object-lock", "ObjectLockConfiguration", "GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration", ""},
	{"website", "Website", "GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"},
	{"accelerate", "AccelerateConfiguration", "GetAccelerateConfiguration", "PutAccelerateConfiguration", ""},
	{"requestPayment", "RequestPayment", "GetBucketRequestPayment", "PutBucketRequestPayment", ""},
	{"replication", "Replication", "GetReplicationConfiguration", "PutReplicationConfiguration", ""},
	{"inventory", "InventoryConfiguration", "GetInventoryConfiguration", "PutInventoryConfiguration", ""},
	{"metrics", "MetricsConfiguration", "GetMetricsConfiguration", "PutMetricsConfiguration", ""},
	{"analytics", "AnalyticsConfiguration", "GetAnalyticsConfiguration", "PutAnalyticsConfiguration", ""},
	{"intelligent-tiering", "IntelligentTieringConfiguration", "GetIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", ""},
}

func (op *Operation) describeBucket(r Request) {
	for _, s := range subresources {
		if r.Query.Has(s.query) {
			op.describeSubresource(r.Method, s)
			return
		}
	}
	switch r.Method {
	case http.MethodPut:
		op.onBucket("CreateBucket", "CreateBucket")
	case http.MethodDelete:
		op.onBucket("DeleteBucket", "DeleteBucket")
	case http.MethodHead:
		op.onBucket("HeadBucket", "ListBucket")
	case http.MethodPost:
		if r.Query.Has("delete") {
			op.Name = "DeleteObjects"
		}
	case http.MethodGet:
		op.describeListing(r.Query)
	}
}

func (op *Operation) describeListing(q url.Values) {
	switch {
	case q.Has("location"):
		op.onBucket("GetBucketLocation", "GetBucketLocation")
	case q.Has("uploads"):
		op.onBucket("ListMultipartUploads", "ListBucketMultipartUploads")
	case q.Has("versions"):
		op.onBucket("ListObjectVersions", "ListBucketVersions")
	case q.Get("list-type") == "2":
		op.onBucket("ListObjectsV2", "ListBucket")
	default:
		op.onBucket("ListObjects", "ListBucket")
	}
}

func (op *Operation) describeSubresource(method string, s subresource) {
	switch method {
	case http.MethodGet, http.MethodHead:
		op.onBucket("GetBucket"+s.name, s.get)
	case http.MethodPut:
		if s.put != "" {
			op.onBucket("PutBucket"+s.name, s.put)
		}
	case http.MethodDelete:
		switch {
		case s.delete != "":
			op.onBucket("DeleteBucket"+s.name, s.delete)
		case s.put != "":
			op.onBucket("DeleteBucket"+s.name, s.put)
		}
	}
}

// Subresource is the bucket document a request is about, "" if none.
func Subresource(q url.Values) string {
	for _, s := range subresources {
		if q.Has(s.query) {
			return s.query
		}
	}
	return ""
}

// SplitPath cuts an unescaped path into bucket and key.
func SplitPath(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}

// SplitARN cuts the ARN of a bucket or object into bucket and key; both are
// "" for other resources.
func SplitARN(arn string) (bucket, key string) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:s3:::")
	if !ok {
		return "", ""
	}
	bucket, key, _ = strings.Cut(rest, "/")
	return bucket, key
}
