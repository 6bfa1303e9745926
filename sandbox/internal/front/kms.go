package front

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/sealift/sealift/sandbox/internal/access"
	"github.com/sealift/sealift/sandbox/internal/gateway"
)

// The sandbox has no KMS: nothing is encrypted. But who may not use a key may
// not write or read with it, and that is decided here, by the caller's
// policies alone (a key policy that delegates to the account, as AWS's
// default one does). The account's own aws/s3 key asks for nothing.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
// (recalled, not read again for this code).

// keyNeeds are the permissions on a KMS key that the call needs.
func (f *Front) keyNeeds(k *call) []access.Permission {
	var e gateway.Encryption
	action := "kms:Decrypt"
	switch k.op.Name {
	case "PutObject", "CreateMultipartUpload", "CopyObject":
		action = "kms:GenerateDataKey"
		e = f.Store.EncryptionFor(k.op.Bucket, k.asked())
	case "UploadPart", "ListParts", "CompleteMultipartUpload":
		e = f.Store.EncryptionOfUpload(k.op.Bucket, k.op.Key, k.query.Get("uploadId"))
	case "GetObject":
		e = f.Store.EncryptionOf(k.c.RequestCtx(), k.op.Bucket, k.op.Key, k.query.Get("versionId"))
	default:
		return nil
	}
	if !e.ByKMS() || strings.HasSuffix(e.KMSKey, "alias/aws/s3") {
		return nil
	}
	k.context["kms:ViaService"] = []string{"s3." + f.Account.Region() + ".amazonaws.com"}
	for name, value := range f.contextOf(k, e) {
		k.context["kms:EncryptionContext:"+name] = []string{value}
		k.context["kms:EncryptionContextKeys"] = append(k.context["kms:EncryptionContextKeys"], name)
	}
	return []access.Permission{{Action: action, Resource: f.keyARN(e.KMSKey)}}
}

// contextOf is the encryption context by which S3 asks for a data key: the
// object's ARN and what the client gave, or with a bucket key the bucket's ARN
// alone (which reading of AWS's documents this is: they name the bucket's ARN,
// and do not say what becomes of the client's pairs).
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
// and bucket-key.html (recalled, not read again for this code).
func (f *Front) contextOf(k *call, e gateway.Encryption) map[string]string {
	if e.BucketKey {
		return map[string]string{"aws:s3:arn": access.BucketARN(k.op.Bucket)}
	}
	pairs, err := readContext(e.Context)
	if err != nil || pairs == nil {
		pairs = map[string]string{}
	}
	pairs["aws:s3:arn"] = access.ObjectARN(k.op.Bucket, k.op.Key)
	return pairs
}

// readContext reads the header of an encryption context: the base64 of a JSON
// object of strings; nil for none.
func readContext(header string) (map[string]string, error) {
	if header == "" {
		return nil, nil
	}
	text, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return nil, err
	}
	var pairs map[string]string
	err = json.Unmarshal(text, &pairs)
	return pairs, err
}

// keyARN completes a key that is named by its id only.
func (f *Front) keyARN(key string) string {
	if strings.HasPrefix(key, "arn:") {
		return key
	}
	prefix := "arn:aws:kms:" + f.Account.Region() + ":" + f.Account.ID() + ":"
	if strings.HasPrefix(key, "alias/") {
		return prefix + key
	}
	return prefix + "key/" + key
}

// asked is what the request says of the object it writes.
func (q *call) asked() gateway.Asked {
	return gateway.Asked{
		Caller: q.caller.ARN,
		Encryption: gateway.Encryption{
			Algorithm: q.header("x-amz-server-side-encryption"),
			KMSKey:    q.header("x-amz-server-side-encryption-aws-kms-key-id"),
			Context:   q.header("x-amz-server-side-encryption-context"),
			BucketKey: q.header("x-amz-server-side-encryption-bucket-key-enabled") == "true",
		},
		StorageClass: q.header("x-amz-storage-class"),
	}
}
