package front

import (
	"github.com/sealift/sealift/sandbox/internal/access"
	"github.com/sealift/sealift/sandbox/internal/awserr"
)

// checkPayer wants, where who asks pays, that they say that they know. The
// bucket's owner pays for itself, and is here whoever may set who pays: there
// is one account only.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
// (recalled, not read again for this code).
func (f *Front) checkPayer(k *call) *awserr.Error {
	if k.op.Bucket == "" || !f.Documents.RequesterPays(k.op.Bucket) {
		return nil
	}
	owner := access.Permission{Action: "s3:PutBucketRequestPayment", Resource: access.BucketARN(k.op.Bucket)}
	if f.decide(k, owner).Allowed {
		return nil
	}
	if k.header("x-amz-request-payer") != "requester" {
		return awserr.Denied("Access Denied").Because("the requester pays in this bucket, and x-amz-request-payer is not there")
	}
	k.c.Response().Header.Set("x-amz-request-charged", "requester")
	return nil
}
