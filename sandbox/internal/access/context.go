package access

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// headerKeys are condition keys that are a header's value.
var headerKeys = map[string]string{
	"s3:x-amz-acl":                                       "x-amz-acl",
	"s3:x-amz-content-sha256":                            "x-amz-content-sha256",
	"s3:x-amz-copy-source":                               "x-amz-copy-source",
	"s3:x-amz-grant-full-control":                        "x-amz-grant-full-control",
	"s3:x-amz-grant-read":                                "x-amz-grant-read",
	"s3:x-amz-grant-read-acp":                            "x-amz-grant-read-acp",
	"s3:x-amz-grant-write":                               "x-amz-grant-write",
	"s3:x-amz-grant-write-acp":                           "x-amz-grant-write-acp",
	"s3:x-amz-metadata-directive":                        "x-amz-metadata-directive",
	"s3:x-amz-server-side-encryption":                    "x-amz-server-side-encryption",
	"s3:x-amz-server-side-encryption-aws-kms-key-id":     "x-amz-server-side-encryption-aws-kms-key-id",
	"s3:x-amz-server-side-encryption-customer-algorithm": "x-amz-server-side-encryption-customer-algorithm",
	"s3:x-amz-storage-class":                             "x-amz-storage-class",
	"s3:x-amz-website-redirect-location":                 "x-amz-website-redirect-location",
	"s3:object-lock-mode":                                "x-amz-object-lock-mode",
	"s3:object-lock-retain-until-date":                   "x-amz-object-lock-retain-until-date",
	"s3:object-lock-legal-hold":                          "x-amz-object-lock-legal-hold",
	"s3:if-none-match":                                   "if-none-match",
	"s3:if-match":                                        "if-match",
	"aws:UserAgent":                                      "user-agent",
	"aws:Referer":                                        "referer",
}

// queryKeys are condition keys that are a parameter's value.
var queryKeys = map[string]string{
	"s3:prefix":    "prefix",
	"s3:delimiter": "delimiter",
	"s3:max-keys":  "max-keys",
	"s3:VersionId": "versionId",
}

// creating are the operations that make an object appear; conditions on
// if-none-match are meant for these and name them by
// s3:ObjectCreationOperation.
var creating = []string{"PutObject", "CopyObject", "CompleteMultipartUpload"}

// Context is what conditions may ask of the request itself.
func (op Operation) Context(r Request, account string) map[string][]string {
	ctx := map[string][]string{
		"s3:ResourceAccount":         {account},
		"aws:ResourceAccount":        {account},
		"s3:ObjectCreationOperation": {strconv.FormatBool(slices.Contains(creating, op.Name))},
	}
	for key, header := range headerKeys {
		if v := r.Header(header); v != "" {
			ctx[key] = []string{v}
		}
	}
	for key, name := range queryKeys {
		if v := r.Query.Get(name); v != "" {
			ctx[key] = []string{v}
		}
	}
	addTags(ctx, r.Header("x-amz-tagging"))
	return ctx
}

func addTags(ctx map[string][]string, header string) {
	tags, err := url.ParseQuery(header)
	if header == "" || err != nil {
		return
	}
	for k, v := range tags {
		ctx["s3:RequestObjectTag/"+k] = v
	}
	ctx["s3:RequestObjectTagKeys"] = slices.Sorted(maps.Keys(tags))
}
