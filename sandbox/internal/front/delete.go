package front

import (
	"encoding/xml"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3response"

	"github.com/sealift/sealift/sandbox/internal/access"
	"github.com/sealift/sealift/sandbox/internal/awserr"
)

// serveDeletes decides every key of a DeleteObjects on its own. Where all are
// allowed the engine goes on; otherwise those that are get deleted and the
// others are named with their refusal, as S3 does.
func (f *Front) serveDeletes(c fiber.Ctx, k *call) error {
	body, err := k.whole()
	if err != nil {
		return f.refuse(c, err)
	}
	var list struct {
		Quiet   bool
		Objects []types.ObjectIdentifier `xml:"Object"`
	}
	if xml.Unmarshal(body, &list) != nil || len(list.Objects) == 0 || len(list.Objects) > 1000 {
		return f.refuse(c, awserr.New(http.StatusBadRequest, "MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema"))
	}
	allowed, refused := f.sortDeletes(k, list.Objects)
	if len(refused) == 0 {
		return f.pass(c, k)
	}
	result := s3response.DeleteResult{}
	if len(allowed) > 0 {
		var err error
		result, err = f.Store.DeleteObjects(c.RequestCtx(), &s3.DeleteObjectsInput{
			Bucket: &k.op.Bucket, Delete: &types.Delete{Objects: allowed},
		})
		if err != nil {
			return f.refuse(c, awserr.New(http.StatusInternalServerError, "InternalError", "%v", err))
		}
	}
	if list.Quiet {
		result.Deleted = nil
	}
	result.Error = append(result.Error, refused...)
	text, xmlErr := xml.Marshal(result)
	if xmlErr != nil {
		return xmlErr
	}
	c.Response().Header.SetContentType("application/xml")
	return c.Status(http.StatusOK).Send(append([]byte(xml.Header), text...))
}

func (f *Front) sortDeletes(k *call, objects []types.ObjectIdentifier) (allowed []types.ObjectIdentifier, refused []types.Error) {
	for _, o := range objects {
		p := access.Delete(k.op.Bucket, aws.ToString(o.Key), aws.ToString(o.VersionId))
		v := f.decide(k, p)
		if v.Allowed {
			allowed = append(allowed, o)
			continue
		}
		e := denied(k.caller, p, v)
		refused = append(refused, types.Error{
			Key: o.Key, VersionId: o.VersionId, Code: &e.Code, Message: &e.Message,
		})
	}
	return allowed, refused
}
