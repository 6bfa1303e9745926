package bucket

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// Names of documents, as they stand in the query.
const (
	Policy            = "policy"
	PolicyStatus      = "policyStatus"
	Encryption        = "encryption"
	Lifecycle         = "lifecycle"
	Notification      = "notification"
	PublicAccessBlock = "publicAccessBlock"
	Logging           = "logging"
	RequestPayment    = "requestPayment"
)

const namespace = `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

// DefaultEncryption is what S3 gives a bucket that asks for nothing.
const DefaultEncryption = `<ServerSideEncryptionConfiguration ` + namespace + `><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`

// DefaultPublicAccessBlock is what S3 gives a new bucket.
const DefaultPublicAccessBlock = `<PublicAccessBlockConfiguration ` + namespace + `><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`

// A rule says how one document is asked for and answered.
type rule struct {
	root    string // of the XML; "" = JSON
	absent  string // answer when there is none; "" = the error below
	code    string
	message string
}

var rules = map[string]rule{
	Policy:            {code: "NoSuchBucketPolicy", message: "The bucket policy does not exist"},
	Encryption:        {root: "ServerSideEncryptionConfiguration", absent: DefaultEncryption},
	Lifecycle:         {root: "LifecycleConfiguration", code: "NoSuchLifecycleConfiguration", message: "The lifecycle configuration does not exist"},
	Notification:      {root: "NotificationConfiguration", absent: `<NotificationConfiguration ` + namespace + `/>`},
	PublicAccessBlock: {root: "PublicAccessBlockConfiguration", code: "NoSuchPublicAccessBlockConfiguration", message: "The public access block configuration was not found"},
	Logging:           {root: "BucketLoggingStatus", absent: `<BucketLoggingStatus ` + namespace + `/>`},
	RequestPayment:    {root: "RequestPaymentConfiguration", absent: `<RequestPaymentConfiguration ` + namespace + `><Payer>BucketOwner</Payer></RequestPaymentConfiguration>`},
	PolicyStatus:      {},
}

// RequesterPays says whether who asks pays for the bucket's requests.
func (d *Documents) RequesterPays(bucket string) bool {
	return strings.Contains(d.Get(bucket, RequestPayment), "<Payer>Requester</Payer>")
}

// Keeps says whether a document is kept here; all others are the engine's.
func Keeps(name string) bool {
	_, ok := rules[name]
	return ok
}

// An Answer is what a request for a document gets.
type Answer struct {
	Status int
	Type   string // of the content
	Body   string
}

// Serve answers GET, PUT and DELETE of a document of a bucket that exists.
func (d *Documents) Serve(method, bucket, name string, body []byte) (Answer, *awserr.Error) {
	switch method {
	case http.MethodGet:
		return d.read(bucket, name)
	case http.MethodPut:
		return d.write(bucket, name, body)
	case http.MethodDelete:
		if err := d.Put(bucket, name, ""); err != nil {
			return Answer{}, internal(err)
		}
		return Answer{Status: http.StatusNoContent}, nil
	}
	return Answer{}, awserr.New(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

func (d *Documents) read(bucket, name string) (Answer, *awserr.Error) {
	r, text := rules[name], d.Get(bucket, name)
	if name == PolicyStatus {
		return d.policyStatus(bucket)
	}
	if text == "" {
		text = r.absent
	}
	if text == "" {
		return Answer{}, awserr.New(http.StatusNotFound, r.code, "%s", r.message).With("BucketName", bucket)
	}
	if r.root == "" {
		return Answer{http.StatusOK, "application/json", text}, nil
	}
	return Answer{http.StatusOK, "application/xml", text}, nil
}

func (d *Documents) policyStatus(bucket string) (Answer, *awserr.Error) {
	policy := d.Policy(bucket)
	if policy == nil {
		return Answer{}, awserr.New(http.StatusNotFound, rules[Policy].code, "%s", rules[Policy].message).With("BucketName", bucket)
	}
	body := fmt.Sprintf(`<PolicyStatus %s><IsPublic>%t</IsPublic></PolicyStatus>`, namespace, policy.Public())
	return Answer{http.StatusOK, "application/xml", body}, nil
}

func (d *Documents) write(bucket, name string, body []byte) (Answer, *awserr.Error) {
	if name == Policy {
		return d.writePolicy(bucket, body)
	}
	if err := checkRoot(body, rules[name].root); err != nil {
		return Answer{}, awserr.New(http.StatusBadRequest, "MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema").Because(err.Error())
	}
	if err := d.Put(bucket, name, string(body)); err != nil {
		return Answer{}, internal(err)
	}
	return Answer{Status: http.StatusOK}, nil
}

func (d *Documents) writePolicy(bucket string, body []byte) (Answer, *awserr.Error) {
	if len(body) > maxPolicy {
		return Answer{}, awserr.New(http.StatusBadRequest, "PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
	}
	policy, err := iameval.Parse("policy of bucket "+bucket, string(body), iameval.Resource)
	if err != nil {
		return Answer{}, awserr.New(http.StatusBadRequest, "MalformedPolicy", "%v", err)
	}
	if why := checkPolicy(bucket, string(body)); why != "" {
		return Answer{}, awserr.New(http.StatusBadRequest, "MalformedPolicy", "%s", why)
	}
	if policy.Public() && d.blocks(bucket, "BlockPublicPolicy") {
		return Answer{}, awserr.Denied("Access Denied: public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.")
	}
	if err := d.Put(bucket, Policy, string(body)); err != nil {
		return Answer{}, internal(err)
	}
	return Answer{Status: http.StatusNoContent}, nil
}

// blocks reads one switch of the public access block.
func (d *Documents) blocks(bucket, name string) bool {
	var block struct {
		BlockPublicPolicy     bool
		RestrictPublicBuckets bool
	}
	if xml.Unmarshal([]byte(d.Get(bucket, PublicAccessBlock)), &block) != nil {
		return false
	}
	return name == "BlockPublicPolicy" && block.BlockPublicPolicy ||
		name == "RestrictPublicBuckets" && block.RestrictPublicBuckets
}

// DefaultEncryption is the algorithm and key an object gets that asks for none.
func (d *Documents) DefaultEncryption(bucket string) (algorithm, kmsKey string) {
	var c struct {
		Rule struct {
			Default struct {
				Algorithm string `xml:"SSEAlgorithm"`
				KMSKey    string `xml:"KMSMasterKeyID"`
			} `xml:"ApplyServerSideEncryptionByDefault"`
		}
	}
	if xml.Unmarshal([]byte(d.Get(bucket, Encryption)), &c) != nil || c.Rule.Default.Algorithm == "" {
		return "AES256", ""
	}
	return c.Rule.Default.Algorithm, c.Rule.Default.KMSKey
}

// checkRoot reads all of the XML and wants its root to have a name.
func checkRoot(body []byte, root string) error {
	dec := xml.NewDecoder(bytes.NewReader(body))
	seen := ""
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && seen == "" {
			seen = start.Name.Local
		}
	}
	if seen != root {
		return fmt.Errorf("root element is %q, not %q", seen, root)
	}
	return nil
}

func internal(err error) *awserr.Error {
	return awserr.New(http.StatusInternalServerError, "InternalError",
		"We encountered an internal error. Please try again.").Because(err.Error())
}
