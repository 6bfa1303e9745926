package front

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/gateway"
)

// What S3 refuses and the engine takes, or what the engine takes longer to
// find out.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
// (recalled, not read again for this code).

const (
	maxKey  = 1024    // bytes
	maxBody = 5 << 30 // bytes: of one PutObject or UploadPart
	maxTags = 10      // of an object
)

// check refuses a call by its key, its length and its headers.
func (f *Front) check(k *call) *awserr.Error {
	checks := []func(*call) *awserr.Error{f.checkKey, checkEncryption}
	switch k.op.Name {
	case "PutObject":
		checks = append(checks, checkLength, checkStorage, checkTags, f.checkACL)
	case "UploadPart":
		checks = append(checks, checkLength)
	case "CreateMultipartUpload", "CopyObject":
		checks = append(checks, checkStorage, checkTags, f.checkACL)
	case "PutObjectAcl", "PutBucketAcl":
		checks = append(checks, f.checkACL)
	}
	for _, check := range checks {
		if err := check(k); err != nil {
			return err
		}
	}
	return nil
}

func (f *Front) checkKey(k *call) *awserr.Error {
	if n := len(k.op.Key); n > maxKey {
		return badRequest("KeyTooLongError", "Your key is too long").
			With("Size", strconv.Itoa(n)).With("MaxSizeAllowed", strconv.Itoa(maxKey))
	}
	why := gateway.Unstorable(k.op.Key)
	if why == "" && k.op.Key != "" && slices.Contains([]string{"PutObject", "CreateMultipartUpload", "CopyObject"}, k.op.Name) {
		why = f.Store.Occupied(k.op.Bucket, k.op.Key)
	}
	if why == "" {
		return nil
	}
	return badRequest("InvalidRequest", "The sandbox cannot hold this key, because it keeps objects as files: "+why)
}

// checkLength wants to be told how long a body is, and that it is not more
// than S3 takes at once.
func checkLength(k *call) *awserr.Error {
	text := k.header("x-amz-decoded-content-length")
	if text == "" {
		text = k.header("content-length")
	}
	if !k.sends("content-length") && !k.sends("transfer-encoding") {
		return awserr.New(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > maxBody {
		return badRequest("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").
			With("ProposedSize", text).With("MaxSizeAllowed", strconv.Itoa(maxBody))
	}
	return nil
}

// sends looks for a header as it came: the server fills in a length of 0 where
// a client tells none.
func (q *request) sends(name string) bool {
	for line := range bytes.Lines(q.c.Request().Header.RawHeaders()) {
		if before, _, found := bytes.Cut(line, []byte(":")); found && strings.EqualFold(string(before), name) {
			return true
		}
	}
	return false
}

var storageClasses = strings.Fields("STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER GLACIER_IR DEEP_ARCHIVE")

func checkStorage(k *call) *awserr.Error {
	class := k.header("x-amz-storage-class")
	if class == "" || slices.Contains(storageClasses, class) {
		return nil
	}
	return badRequest("InvalidStorageClass", "The storage class you specified is not valid").With("StorageClassRequested", class)
}

func checkEncryption(k *call) *awserr.Error {
	for _, h := range []string{"x-amz-server-side-encryption-customer-algorithm", "x-amz-copy-source-server-side-encryption-customer-algorithm"} {
		if k.header(h) != "" {
			return awserr.New(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented").With("Header", h)
		}
	}
	algorithm := k.header("x-amz-server-side-encryption")
	kms := algorithm == "aws:kms" || algorithm == "aws:kms:dsse"
	if algorithm != "" && algorithm != "AES256" && !kms {
		return badRequest("InvalidArgument", "The encryption method specified is not supported").
			With("ArgumentName", "x-amz-server-side-encryption").With("ArgumentValue", algorithm)
	}
	if !kms {
		return checkNoKMS(k, algorithm)
	}
	if algorithm == "aws:kms:dsse" && k.header("x-amz-server-side-encryption-bucket-key-enabled") == "true" {
		return badRequest("InvalidArgument", "S3 Bucket Keys are not supported for DSSE-KMS").
			With("ArgumentName", "x-amz-server-side-encryption-bucket-key-enabled").With("ArgumentValue", "true")
	}
	context := k.header("x-amz-server-side-encryption-context")
	if _, err := readContext(context); err != nil {
		return badRequest("InvalidArgument", "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map").
			With("ArgumentName", "x-amz-server-side-encryption-context").With("ArgumentValue", context)
	}
	return nil
}

// checkNoKMS refuses what only KMS has a use for.
func checkNoKMS(k *call, algorithm string) *awserr.Error {
	for _, h := range []string{"-aws-kms-key-id", "-context", "-bucket-key-enabled"} {
		if k.header("x-amz-server-side-encryption"+h) != "" {
			return badRequest("InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms").
				With("ArgumentName", "x-amz-server-side-encryption").With("ArgumentValue", algorithm)
		}
	}
	return nil
}

// checkTags counts; the rest the engine looks at.
func checkTags(k *call) *awserr.Error {
	if tags, err := url.ParseQuery(k.header("x-amz-tagging")); err == nil && len(tags) > maxTags {
		return badRequest("BadRequest", "Object tags cannot be greater than 10")
	}
	return nil
}

// checkACL refuses ACLs where the bucket's owner owns everything, but for the
// one that says just this.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
// (recalled, not read again for this code).
func (f *Front) checkACL(k *call) *awserr.Error {
	asked := strings.HasSuffix(k.op.Name, "Acl")
	if acl := k.header("x-amz-acl"); acl != "" {
		asked = acl != "bucket-owner-full-control"
	}
	for _, h := range []string{"full-control", "read", "read-acp", "write", "write-acp"} {
		asked = asked || k.header("x-amz-grant-"+h) != ""
	}
	if !asked || !f.Store.HasBucket(k.c.RequestCtx(), k.op.Bucket) || f.Store.TakesACLs(k.c.RequestCtx(), k.op.Bucket) {
		return nil
	}
	return badRequest("AccessControlListNotSupported", "The bucket does not allow ACLs")
}

func badRequest(code, message string) *awserr.Error {
	return awserr.New(http.StatusBadRequest, code, "%s", message)
}
