package trail

import "strings"

// Redacted is j with the values hidden that let somebody act as somebody else:
// session tokens, which stand in every AssumeRole's responseElements, secret
// keys, and what signs a presigned URL. Names count in any case here, and
// white space stays. JSON that is the content of a string is not looked into.
// What is no JSON, as an Error's Raw can be, is cut off where it stops being that.
func (j JSON) Redacted() JSON {
	var out strings.Builder
	for i := 0; i < len(j); {
		if j[i] != '"' {
			out.WriteByte(j[i])
			i++
			continue
		}
		end, err := skimString(j, i)
		if err != nil {
			break
		}
		out.WriteString(string(j[i:end]))
		colon := blank(j, end)
		if name := unquote(string(j[i:end])); colon >= len(j) || j[colon] != ':' || !secret(name) {
			i = end
			continue
		}
		from := blank(j, colon+1)
		out.WriteString(string(j[end:from]))
		if i, err = skim(j, from); err != nil {
			break
		}
		out.WriteString(`"hidden"`)
	}
	return JSON(out.String())
}

func secret(name string) bool {
	for _, s := range []string{"sessionToken", "secretAccessKey", "X-Amz-Security-Token", "X-Amz-Signature"} {
		if strings.EqualFold(name, s) {
			return true
		}
	}
	return false
}
