package front

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v3"

	"github.com/sealift/sealift/sandbox/internal/access"
	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/gateway"
	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// A call is one S3 request on its way: what it asks, who asks, and what
// conditions may ask of both.
type call struct {
	*request
	op      access.Operation
	caller  *account.Caller
	context map[string][]string
}

func (f *Front) serveS3(c fiber.Ctx, q *request, who *account.Caller) error {
	r := q.s3()
	k := &call{request: q, op: access.Describe(r), caller: who}
	k.context = f.connection(q)
	maps.Copy(k.context, who.Context(f.Now()))
	maps.Copy(k.context, k.op.Context(r, f.Account.ID()))
	maps.Copy(k.context, signatureContext(q, f))

	if k.op.Name == "" {
		return f.refuse(c, awserr.New(http.StatusMethodNotAllowed, "MethodNotAllowed",
			"The specified method is not allowed against this resource."))
	}
	if owner := q.header("x-amz-expected-bucket-owner"); owner != "" && owner != f.Account.ID() {
		return f.refuse(c, awserr.Denied("Access Denied").Because("the bucket's owner is "+f.Account.ID()+", not "+owner))
	}
	if err := f.authorize(k); err != nil {
		return f.refuse(c, err)
	}
	if err := f.checkPayer(k); err != nil {
		return f.refuse(c, err)
	}
	if err := f.check(k); err != nil {
		return f.refuse(c, err)
	}
	name := access.Subresource(q.query)
	switch {
	case k.op.Key == "" && bucket.Keeps(name):
		return f.serveDocument(c, k, name)
	case k.op.Name == "DeleteObjects":
		return f.serveDeletes(c, k)
	}
	return f.pass(c, k)
}

// authorize decides every permission the call needs.
func (f *Front) authorize(k *call) *awserr.Error {
	for _, p := range append(k.op.Needs, f.keyNeeds(k)...) {
		if v := f.decide(k, p); !v.Allowed {
			return denied(k.caller, p, v)
		}
	}
	return nil
}

func (f *Front) decide(k *call, p access.Permission) iameval.Verdict {
	bucketName := k.op.Bucket
	if b, _ := access.SplitARN(p.Resource); b != "" {
		bucketName = b
	}
	return k.caller.Asker().Decide(
		iameval.Request{Action: p.Action, Resource: p.Resource, Context: k.context},
		f.Documents.Policy(bucketName))
}

// denied is S3's refusal, which says which layer refused.
func denied(caller *account.Caller, p access.Permission, v iameval.Verdict) *awserr.Error {
	because := fmt.Sprintf("because no %s allows the %s action", v.Source, p.Action)
	if v.Explicit {
		because = "with an explicit deny in " + article(v.Source)
	}
	return awserr.Denied("User: %s is not authorized to perform: %s on resource: %q %s",
		caller.ARN, p.Action, p.Resource, because).Because(v.Reason())
}

func article(s iameval.Source) string {
	if s == iameval.FromIdentity {
		return "an " + string(s)
	}
	return "a " + string(s)
}

func signatureContext(q *request, f *Front) map[string][]string {
	kind := "REST-HEADER"
	if q.sig.Presigned {
		kind = "REST-QUERY-STRING"
	}
	return map[string][]string{
		"s3:authType":         {kind},
		"s3:signatureversion": {"AWS4-HMAC-SHA256"},
		"s3:signatureAge":     {strconv.FormatInt(f.Now().Sub(q.sig.Time).Milliseconds(), 10)},
	}
}

// pass lets the engine answer and mends what AWS would answer otherwise.
func (f *Front) pass(c fiber.Ctx, k *call) error {
	if err := f.refuseChecksums(k); err != nil {
		return f.refuse(c, err)
	}
	gateway.Attach(c, k.asked())
	if err := c.Next(); err != nil {
		return err
	}
	f.hideChecksums(k)
	if c.Response().StatusCode() == http.StatusNotFound && f.hidesMissing(c, k) {
		p := access.ListPermission(k.op.Bucket)
		return f.refuse(c, awserr.Denied("Access Denied").
			Because("there is no such key, and without "+p.Action+" S3 does not say so"))
	}
	return nil
}

// hidesMissing says whether a missing key must look like a refusal: it does
// to whoever may not list the bucket.
func (f *Front) hidesMissing(c fiber.Ctx, k *call) bool {
	switch k.op.Name {
	case "GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging", "GetObjectAcl", "CopyObject":
	default:
		return false
	}
	return f.Store.HasBucket(c.RequestCtx(), k.op.Bucket) && !f.decide(k, access.ListPermission(k.op.Bucket)).Allowed
}

// serveDocument answers for the bucket documents the engine does not keep.
func (f *Front) serveDocument(c fiber.Ctx, k *call, name string) error {
	body, err := k.whole()
	if err != nil {
		return f.refuse(c, err)
	}
	if !f.Store.HasBucket(c.RequestCtx(), k.op.Bucket) {
		return f.refuse(c, awserr.New(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist").
			With("BucketName", k.op.Bucket))
	}
	answer, err := f.Documents.Serve(c.Method(), k.op.Bucket, name, body)
	if err != nil {
		return f.refuse(c, err)
	}
	if answer.Type != "" {
		c.Response().Header.SetContentType(answer.Type)
	}
	return c.Status(answer.Status).SendString(answer.Body)
}
