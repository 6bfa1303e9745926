// Package awserr holds errors as AWS names them and the two bodies they are
// written in: S3's and the query protocol's (STS).
package awserr

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// An Error is an answer that is not a success.
type Error struct {
	Code    string // as clients match it: AccessDenied
	Message string
	Status  int     // of HTTP
	Fields  []Field // further elements of S3's body
	Reason  string  // what the sandbox knows beyond AWS's message; goes to a header, never to the body
}

// A Field is one more element of an S3 error body.
type Field struct{ Name, Value string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// New makes an Error with a formatted message.
func New(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

// With adds an element to the S3 body.
func (e *Error) With(name, value string) *Error {
	e.Fields = append(e.Fields, Field{name, value})
	return e
}

// Because says what the sandbox knows beyond the message.
func (e *Error) Because(reason string) *Error {
	e.Reason = reason
	return e
}

// Denied is S3's and STS's refusal.
func Denied(format string, args ...any) *Error {
	return New(http.StatusForbidden, "AccessDenied", format, args...)
}

type element struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

// S3 is the body S3 writes.
func (e *Error) S3(requestID, hostID string) []byte {
	body := struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Fields    []element
		RequestID string `xml:"RequestId"`
		HostID    string `xml:"HostId"`
	}{Code: e.Code, Message: e.Message, RequestID: requestID, HostID: hostID}
	for _, f := range e.Fields {
		body.Fields = append(body.Fields, element{xml.Name{Local: f.Name}, f.Value})
	}
	return document(body)
}

// Query is the body the query protocol writes, in a service's namespace.
func (e *Error) Query(namespace, requestID string) []byte {
	type fault struct {
		Type    string
		Code    string
		Message string
	}
	body := struct {
		XMLName   xml.Name
		Error     fault
		RequestID string `xml:"RequestId"`
	}{xml.Name{Space: namespace, Local: "ErrorResponse"}, fault{"Sender", e.Code, e.Message}, requestID}
	if e.Status >= http.StatusInternalServerError {
		body.Error.Type = "Receiver"
	}
	return document(body)
}

// document cannot fail: all values are strings.
func document(v any) []byte {
	text, err := xml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("awserr: %v", err))
	}
	return append([]byte(xml.Header), text...)
}
