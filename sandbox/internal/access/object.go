package access

import (
	"net/http"
	"net/url"
	"strings"
)

func (op *Operation) describeObject(r Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		op.describeRead(r)
	case http.MethodPut:
		op.describeWrite(r)
	case http.MethodDelete:
		op.describeDelete(r)
	case http.MethodPost:
		op.describePost(r)
	}
}

func (op *Operation) describeRead(r Request) {
	version := versionSuffix(r.Query)
	switch {
	case r.Query.Has("tagging"):
		op.onObject("GetObjectTagging", "GetObject"+version+"Tagging")
	case r.Query.Has("acl"):
		op.onObject("GetObjectAcl", "GetObject"+version+"Acl")
	case r.Query.Has("retention"):
		op.onObject("GetObjectRetention", "GetObjectRetention")
	case r.Query.Has("legal-hold"):
		op.onObject("GetObjectLegalHold", "GetObjectLegalHold")
	case r.Query.Has("attributes"):
		op.onObject("GetObjectAttributes", "GetObject"+version, "GetObject"+version+"Attributes")
	case r.Query.Has("uploadId"):
		op.onObject("ListParts", "ListMultipartUploadParts")
	case r.Method == http.MethodHead:
		op.onObject("HeadObject", "GetObject"+version)
	default:
		op.onObject("GetObject", "GetObject"+version)
	}
}

func versionSuffix(q url.Values) string {
	if q.Get("versionId") != "" {
		return "Version"
	}
	return ""
}

func (op *Operation) describeWrite(r Request) {
	version := versionSuffix(r.Query)
	source := r.Header("x-amz-copy-source")
	switch {
	case r.Query.Has("tagging"):
		op.onObject("PutObjectTagging", "PutObject"+version+"Tagging")
	case r.Query.Has("acl"):
		op.onObject("PutObjectAcl", "PutObject"+version+"Acl")
	case r.Query.Has("retention"):
		op.onObject("PutObjectRetention", "PutObjectRetention")
	case r.Query.Has("legal-hold"):
		op.onObject("PutObjectLegalHold", "PutObjectLegalHold")
	case r.Query.Has("uploadId") && source != "":
		op.onObject("UploadPartCopy", "PutObject")
		op.needSource(source)
	case r.Query.Has("uploadId"):
		op.onObject("UploadPart", "PutObject")
	case source != "":
		op.onObject("CopyObject", "PutObject")
		op.needSource(source)
		op.needForHeaders(r)
	default:
		op.onObject("PutObject", "PutObject")
		op.needForHeaders(r)
	}
}

func (op *Operation) describePost(r Request) {
	switch {
	case r.Query.Has("uploads"):
		op.onObject("CreateMultipartUpload", "PutObject")
		op.needForHeaders(r)
	case r.Query.Has("uploadId"):
		op.onObject("CompleteMultipartUpload", "PutObject")
	case r.Query.Has("restore"):
		op.onObject("RestoreObject", "RestoreObject")
	case r.Query.Has("select"):
		op.onObject("SelectObjectContent", "GetObject")
	}
}

func (op *Operation) describeDelete(r Request) {
	version := versionSuffix(r.Query)
	switch {
	case r.Query.Has("tagging"):
		op.onObject("DeleteObjectTagging", "DeleteObject"+version+"Tagging")
	case r.Query.Has("uploadId"):
		op.onObject("AbortMultipartUpload", "AbortMultipartUpload")
	default:
		op.onObject("DeleteObject", "DeleteObject"+version)
	}
}

// needSource adds what reading the source of a copy needs. A source that
// cannot be read as BUCKET/KEY needs nothing: the copy fails anyway.
func (op *Operation) needSource(source string) {
	path, query, _ := strings.Cut(strings.TrimPrefix(source, "/"), "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		plain = path
	}
	bucket, key := SplitPath(plain)
	action := "s3:GetObject"
	if strings.HasPrefix(query, "versionId=") {
		action = "s3:GetObjectVersion"
	}
	op.need(action, ObjectARN(bucket, key))
}

// needForHeaders adds what headers of a write ask for beyond the write.
func (op *Operation) needForHeaders(r Request) {
	if r.Header("x-amz-tagging") != "" {
		op.onObject(op.Name, "PutObjectTagging")
	}
	if r.Header("x-amz-object-lock-mode") != "" || r.Header("x-amz-object-lock-retain-until-date") != "" {
		op.onObject(op.Name, "PutObjectRetention")
	}
	if r.Header("x-amz-object-lock-legal-hold") != "" {
		op.onObject(op.Name, "PutObjectLegalHold")
	}
	if acl := r.Header("x-amz-acl"); acl != "" && acl != "bucket-owner-full-control" || hasGrants(r) {
		op.onObject(op.Name, "PutObjectAcl")
	}
}

func hasGrants(r Request) bool {
	for _, h := range []string{"full-control", "read", "read-acp", "write-acp"} {
		if r.Header("x-amz-grant-"+h) != "" {
			return true
		}
	}
	return false
}
