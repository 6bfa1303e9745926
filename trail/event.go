package trail

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// An Event is one record of a trail. Strings are as the record has them, ""
// where it has none or null, and are parts of Raw: clone one that is to be
// kept for long without the rest.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
// (read 2026-11-25).
type Event struct {
	Position Position

	Time      time.Time // eventTime, UTC; where that is missing, the @timestamp that Logstash makes of it
	Name      string    // eventName
	Source    string    // eventSource
	Region    string    // awsRegion
	Address   string    // sourceIPAddress: an address, or the name of an AWS service
	UserAgent string
	Version   string // eventVersion
	Type      string // eventType
	Category  string // eventCategory; old records have none
	Account   string // recipientAccountId
	ID        string // eventID, the same in every trail that delivers the event
	SharedID  string // sharedEventID, the same in the trails of several accounts
	RequestID string // requestID; of S3, its x-amz-request-id

	ErrorCode    string
	ErrorMessage string
	ReadOnly     string // readOnly: "true", "false" or ""; old records have none

	Identity Identity

	Bucket   string // requestParameters.bucketName, where it is a string
	Key      string // requestParameters.key, where it is a string
	UploadID string // requestParameters.uploadId, where it is a string

	Request    JSON // requestParameters
	Response   JSON // responseElements; of AssumeRole it holds a session token
	Additional JSON // additionalEventData
	Resources  JSON // resources
	TLS        JSON // tlsDetails; missing in old records

	// Variants are names of this record that differ from one that is read
	// here in case alone, as dotted paths. They are not read. A reader that
	// does not mind case, such as encoding/json, would take them for the others.
	Variants []string

	Raw JSON // the whole record, byte for byte
}

// An Identity says who made a request, and by which session.
type Identity struct {
	Type           string // AssumedRole, IAMUser, AWSService, …
	PrincipalID    string
	ARN            string
	Account        string // accountId
	KeyID          string // accessKeyId
	UserName       string
	InvokedBy      string // the AWS service that made the request
	SourceIdentity string // sessionContext.sourceIdentity

	// The role or user that the session was made of.
	IssuerType        string // sessionContext.sessionIssuer.type
	IssuerARN         string
	IssuerPrincipalID string
	IssuerAccount     string
	IssuerName        string

	SessionCreated string // sessionContext.attributes.creationDate, as it stands
	MFA            string // sessionContext.attributes.mfaAuthenticated: "true", "false" or ""

	Raw JSON // userIdentity
}

// A Position is a place in a trail.
type Position struct {
	File   string // as it was named to the reader
	Record int    // the file's records are numbered from 1; 0 before the first
	Offset int64  // bytes of inflated text before the record, or before what is wrong
}

// String is "FILE: record N at byte M".
func (p Position) String() string {
	if p.Record == 0 {
		return fmt.Sprintf("%s: byte %d", escape(p.File), p.Offset)
	}
	return fmt.Sprintf("%s: record %d at byte %d", escape(p.File), p.Record, p.Offset)
}

// Format says where the event stood and what it is called. The rest stays out
// of logs: a record can hold a session token.
func (e Event) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s: %s", e.Position, escape(e.Name))
}

// LogValue is what Format says.
func (e Event) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(e)) }

// escape makes text from outside safe to print: what is not plain shows as in
// a Go string.
func escape(s string) string {
	quoted := fmt.Sprintf("%+q", s)
	if plain := quoted[1 : len(quoted)-1]; plain == s || !strings.ContainsRune(plain, '\\') {
		return s
	}
	return quoted
}
