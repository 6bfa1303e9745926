package policy

// BucketPolicy denies, to everyone, what nobody should do with the upload
// bucket: other encryption than the bucket's own, keys the customer sends
// along, and, where asked for, plain http, old TLS and overwriting. A write
// that names no encryption gets the bucket's default and is not denied.
func (n Names) BucketPolicy() Document {
	d := document(n.transport(n.BucketARN())...)
	d.Statement = append(d.Statement, n.encryption()...)
	d.Statement = append(d.Statement, n.denyPut("DenyCustomerKeys", Conditions{
		"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": {"false"}}}))
	if n.NewKeysOnly {
		// ObjectCreationOperation is false for Create and UploadPart, which
		// cannot carry If-None-Match.
		d.Statement = append(d.Statement, n.denyPut("DenyOverwriting", Conditions{
			"Null": {"s3:if-none-match": {"true"}},
			"Bool": {"s3:ObjectCreationOperation": {"true"}}}))
	}
	return d
}

// encryption denies writes that name another encryption or another key. The
// Null terms keep writes that name none: StringNotEquals alone holds for a key
// that is absent.
func (n Names) encryption() []Statement {
	const header, keyHeader = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
	algorithms := Strings{"AES256"}
	if n.KMSKey != "" {
		algorithms = Strings{"aws:kms", "aws:kms:dsse"}
	}
	out := []Statement{n.denyPut("DenyOtherEncryption", Conditions{
		"StringNotEquals": {header: algorithms}, "Null": {header: {"false"}}})}
	if n.KMSKey != "" {
		out = append(out, n.denyPut("DenyOtherKeys", Conditions{
			"StringNotEquals": {keyHeader: {n.KMSKey}}, "Null": {keyHeader: {"false"}}}))
	}
	return out
}

func (n Names) denyPut(sid string, c Conditions) Statement {
	return Statement{Sid: sid, Effect: "Deny", Principal: &Principal{Any: true},
		Action: Strings{"s3:PutObject"}, Resource: Strings{n.BucketARN() + "/*"}, Condition: c}
}

// transport denies plain http and TLS below 1.2 to a bucket, if asked to.
func (n Names) transport(bucket string) []Statement {
	if !n.TLS {
		return nil
	}
	deny := func(sid string, c Conditions) Statement {
		return Statement{Sid: sid, Effect: "Deny", Principal: &Principal{Any: true}, Action: Strings{"s3:*"},
			Resource: Strings{bucket, bucket + "/*"}, Condition: c}
	}
	return []Statement{
		deny("DenyPlainHTTP", Conditions{"Bool": {"aws:SecureTransport": {"false"}}}),
		deny("DenyOldTLS", Conditions{"NumericLessThan": {"s3:TlsVersion": {"1.2"}}}),
	}
}

// TopicPolicy lets S3 publish events of this bucket, of this account, to the
// topic. Roles publish by their own policies.
func (n Names) TopicPolicy() Document {
	d := document(Statement{Sid: "PublishFromBucket", Effect: "Allow",
		Principal: &Principal{Service: Strings{"s3.amazonaws.com"}},
		Action:    Strings{"sns:Publish"}, Resource: Strings{n.TopicARN()},
		Condition: Conditions{
			"ArnEquals":    {"aws:SourceArn": {n.BucketARN()}},
			"StringEquals": {"aws:SourceAccount": {n.Account}}}})
	if n.TLS {
		d.Statement = append(d.Statement, Statement{Sid: "DenyPlainHTTP", Effect: "Deny",
			Principal: &Principal{Any: true}, Action: Strings{"sns:Publish"}, Resource: Strings{n.TopicARN()},
			Condition: Conditions{"Bool": {"aws:SecureTransport": {"false"}}}})
	}
	return d
}

// TrailBucketPolicy lets CloudTrail deliver this trail's files, and nobody
// else write: deliveries carry the trail's ARN.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
// (recalled, not read again).
func (n Names) TrailBucketPolicy() Document {
	service := &Principal{Service: Strings{"cloudtrail.amazonaws.com"}}
	from := map[string]Strings{"aws:SourceArn": {n.TrailARN()}}
	d := document(
		Statement{Sid: "CheckBucket", Effect: "Allow", Principal: service, Action: Strings{"s3:GetBucketAcl"},
			Resource: Strings{n.TrailBucketARN()}, Condition: Conditions{"StringEquals": from}},
		Statement{Sid: "DeliverTrail", Effect: "Allow", Principal: service, Action: Strings{"s3:PutObject"},
			Resource: Strings{n.TrailBucketARN() + "/AWSLogs/" + n.Account + "/*"},
			Condition: Conditions{"StringEquals": {
				"aws:SourceArn": from["aws:SourceArn"],
				"s3:x-amz-acl":  {"bucket-owner-full-control"}}}})
	d.Statement = append(d.Statement, n.transport(n.TrailBucketARN())...)
	return d
}
