package sandbox

import "strings"

// documents are the policies a new account starts with.
type documents struct {
	user, admin, trust, webTrust, upload, reader, monitor string
}

// defaultDocuments stand in until the library's policy package writes them.
func defaultDocuments() documents {
	fill := strings.NewReplacer(
		"ACCOUNT", accountID, "REGION", region, "BUCKET", mainBucket, "TRAIL", trailBucket,
		"UPLOADER", uploader, "UPLOAD_ROLE", uploadRole, "READER_ROLE", readerRole, "MONITOR_ROLE", monitorRole,
		"PROVIDER", providerARN).Replace
	return documents{
		user: fill(`{"Version":"2012-10-17","Statement":[{"Sid":"AssumeRoles","Effect":"Allow",
			"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],
			"Resource":["arn:aws:iam::ACCOUNT:role/s3-uploader-role","arn:aws:iam::ACCOUNT:role/s3-reader-role","arn:aws:iam::ACCOUNT:role/s3-monitor-role"]}]}`),
		admin: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		trust: fill(`{"Version":"2012-10-17","Statement":[{"Sid":"UploaderMayAssume","Effect":"Allow",
			"Principal":{"AWS":"arn:aws:iam::ACCOUNT:user/uploader"},
			"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}`),
		webTrust: fill(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"PROVIDER"},
			"Action":"sts:AssumeRoleWithWebIdentity",
			"Condition":{"StringEquals":{"token.sandbox.internal:aud":"sts.amazonaws.com"}}}]}`),
		upload: fill(`{"Version":"2012-10-17","Statement":[
			{"Sid":"PutObjects","Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":"arn:aws:s3:::BUCKET/*"},
			{"Sid":"ListUploads","Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"arn:aws:s3:::BUCKET"}]}`),
		reader: fill(`{"Version":"2012-10-17","Statement":[
			{"Sid":"ReadObjects","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectAttributes","s3:GetObjectVersionAttributes","s3:GetObjectTagging"],"Resource":"arn:aws:s3:::BUCKET/*"},
			{"Sid":"ListBucket","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::BUCKET"}]}`),
		monitor: fill(`{"Version":"2012-10-17","Statement":[
			{"Sid":"ReadTrail","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::TRAIL/*"},
			{"Sid":"ListTrail","Effect":"Allow","Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::TRAIL"},
			{"Sid":"LookupEvents","Effect":"Allow","Action":["cloudtrail:LookupEvents","cloudtrail:DescribeTrails","cloudtrail:GetTrailStatus","cloudtrail:GetTrail"],"Resource":"*"}]}`),
	}
}
