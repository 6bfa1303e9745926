package trail

import (
	"strings"
)

// A kind is an object whose names are known, by where it stands in a record.
type kind uint8

const (
	free kind = iota // any other value: its names are not ours
	inEvent
	inIdentity
	inContext
	inIssuer
	inAttributes
	inRequest
	kinds
)

// A field is a name in an object of some kind. Those of one kind follow each
// other, in the order in which AWS writes them: the next name is most often
// the next field.
type field uint8

const (
	noField field = iota

	fVersion
	fIdentity
	fTime
	fSource
	fName
	fRegion
	fAddress
	fUserAgent
	fErrorCode
	fErrorMessage
	fRequest
	fResponse
	fAdditional
	fRequestID
	fID
	fReadOnly
	fResources
	fType
	fManagement
	fAccount
	fSharedID
	fCategory
	fTLS
	fLogstash

	fWho
	fPrincipal
	fARN
	fWhoAccount
	fKeyID
	fUserName
	fContext
	fInvokedBy

	fIssuer
	fWebID
	fAttributes
	fSourceIdentity

	fIssuerType
	fIssuerPrincipal
	fIssuerARN
	fIssuerAccount
	fIssuerName

	fCreated
	fMFA

	fBucket
	fKey
	fUploadID

	fieldCount
)

// known are the fields' names, the kind of object that has them, and the kind
// of object that each is.
var known = [fieldCount]struct {
	name   string
	of, is kind
}{
	fVersion:      {"eventVersion", inEvent, free},
	fIdentity:     {"userIdentity", inEvent, inIdentity},
	fTime:         {"eventTime", inEvent, free},
	fSource:       {"eventSource", inEvent, free},
	fName:         {"eventName", inEvent, free},
	fRegion:       {"awsRegion", inEvent, free},
	fAddress:      {"sourceIPAddress", inEvent, free},
	fUserAgent:    {"userAgent", inEvent, free},
	fErrorCode:    {"errorCode", inEvent, free},
	fErrorMessage: {"errorMessage", inEvent, free},
	fRequest:      {"requestParameters", inEvent, inRequest},
	fResponse:     {"responseElements", inEvent, free},
	fAdditional:   {"additionalEventData", inEvent, free},
	fRequestID:    {"requestID", inEvent, free},
	fID:           {"eventID", inEvent, free},
	fReadOnly:     {"readOnly", inEvent, free},
	fResources:    {"resources", inEvent, free},
	fType:         {"eventType", inEvent, free},
	fManagement:   {"managementEvent", inEvent, free},
	fAccount:      {"recipientAccountId", inEvent, free},
	fSharedID:     {"sharedEventID", inEvent, free},
	fCategory:     {"eventCategory", inEvent, free},
	fTLS:          {"tlsDetails", inEvent, free},
	fLogstash:     {"@timestamp", inEvent, free},

	fWho:        {"type", inIdentity, free},
	fPrincipal:  {"principalId", inIdentity, free},
	fARN:        {"arn", inIdentity, free},
	fWhoAccount: {"accountId", inIdentity, free},
	fKeyID:      {"accessKeyId", inIdentity, free},
	fUserName:   {"userName", inIdentity, free},
	fContext:    {"sessionContext", inIdentity, inContext},
	fInvokedBy:  {"invokedBy", inIdentity, free},

	fIssuer:         {"sessionIssuer", inContext, inIssuer},
	fWebID:          {"webIdFederationData", inContext, free},
	fAttributes:     {"attributes", inContext, inAttributes},
	fSourceIdentity: {"sourceIdentity", inContext, free},

	fIssuerType:      {"type", inIssuer, free},
	fIssuerPrincipal: {"principalId", inIssuer, free},
	fIssuerARN:       {"arn", inIssuer, free},
	fIssuerAccount:   {"accountId", inIssuer, free},
	fIssuerName:      {"userName", inIssuer, free},

	fCreated: {"creationDate", inAttributes, free},
	fMFA:     {"mfaAuthenticated", inAttributes, free},

	fBucket:   {"bucketName", inRequest, free},
	fKey:      {"key", inRequest, free},
	fUploadID: {"uploadId", inRequest, free},
}

// of are each kind's first field and the one behind its last.
var of = [kinds]struct{ from, to field }{
	inEvent:      {fVersion, fWho},
	inIdentity:   {fWho, fIssuer},
	inContext:    {fIssuer, fIssuerType},
	inIssuer:     {fIssuerType, fCreated},
	inAttributes: {fCreated, fBucket},
	inRequest:    {fBucket, fieldCount},
}

// find is the field that a name is in an object of kind k, looked for from
// the field after the last one on.
func (k kind) find(name []byte, last field) field {
	r := of[k]
	for f := max(last+1, r.from); f < r.to; f++ {
		if string(name) == known[f].name {
			return f
		}
	}
	for f := r.from; f <= last && f < r.to; f++ {
		if string(name) == known[f].name {
			return f
		}
	}
	return noField
}

// resembles tells whether a name is one of k's but for case.
func (k kind) resembles(name []byte) bool {
	for f := of[k].from; f < of[k].to; f++ {
		if strings.EqualFold(string(name), known[f].name) {
			return true
		}
	}
	return false
}

// path is where an object of kind k stands in a record.
func (k kind) path() string {
	for _, f := range known {
		if f.is == k && k != free {
			return f.of.path() + f.name + "."
		}
	}
	return ""
}
