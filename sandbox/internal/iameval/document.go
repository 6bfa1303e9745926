// Package iameval decides whether IAM policy documents allow a request, and
// says which statement decided.
//
// It is a thin adapter over versitygw's evaluator, which knows actions,
// resources and condition operators. What that evaluator does not know is
// added here: principals (trust and resource policies), the escapes ${*} ${?}
// ${$}, the statement that decided, and how identity, session and resource
// policies combine. It keeps no state, does no I/O and may import nothing of
// the sandbox, so that it can judge documents from anywhere.
//
// What it does not know: ${variable, 'default'}, s3:ExistingObjectTag and the
// service control and permission boundary layers. A ? matches one byte, not
// one character.
package iameval

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/versity/versitygw/iamapi/policy"
)

// A Kind is the grammar a document is held to.
type Kind int

const (
	Identity Kind = iota // policies of users and roles, and session policies: no Principal
	Resource             // bucket, topic and key policies: Principal and Resource
	Trust                // who may assume a role: Principal, no Resource
)

// ErrMalformed is what Parse wraps when the text is not a policy document.
var ErrMalformed = errors.New("malformed policy document")

// A Document is one parsed policy. The zero value has no statements and
// decides nothing.
type Document struct {
	name       string
	statements []statement
}

// Name is what Parse was told to call the document.
func (d Document) Name() string { return d.name }

// A statement keeps its original principals and, as a document of its own
// that versitygw's evaluator takes, everything else.
type statement struct {
	ref          Ref
	alone        string
	principal    json.RawMessage
	notPrincipal json.RawMessage

	allow      bool        // Effect
	bare       string      // alone without its conditions
	conditions []condition // each on its own
}

// A Ref names a statement: the document's name, the statement's Sid ("" where
// it has none) and its place in the document, from 0.
type Ref struct {
	Document string
	Sid      string
	Index    int
}

func (r Ref) String() string {
	if r.Sid != "" {
		return fmt.Sprintf("%s statement %s", r.Document, r.Sid)
	}
	return fmt.Sprintf("%s statement %d", r.Document, r.Index)
}

// Parse reads text as a policy document of the given kind. The name is only
// carried into Refs. An error wraps ErrMalformed and says what AWS would.
func Parse(name, text string, kind Kind) (Document, error) {
	var source policy.Document
	if err := json.Unmarshal([]byte(text), &source); err != nil {
		return Document{}, fmt.Errorf("%w: %s: %w", ErrMalformed, name, err)
	}
	if len(source.Statement) == 0 {
		return Document{}, fmt.Errorf("%w: %s: no statement", ErrMalformed, name)
	}
	if err := checkShape(text, source.Statement); err != nil {
		return Document{}, fmt.Errorf("%w: %s: %w", ErrMalformed, name, err)
	}
	d := Document{name: name}
	for i, s := range source.Statement {
		st, err := newStatement(source.Version, s, kind)
		if err != nil {
			return Document{}, fmt.Errorf("%w: %s: statement %d: %w", ErrMalformed, name, i, err)
		}
		st.ref = Ref{Document: name, Sid: s.Sid, Index: i}
		d.statements = append(d.statements, st)
	}
	return d, nil
}

// checkShape refuses what the reader of single statements cannot see.
func checkShape(text string, statements []policy.Statement) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return err
	}
	for field := range fields {
		if field != "Version" && field != "Id" && field != "Statement" {
			return fmt.Errorf("unknown field %s", field)
		}
	}
	seen := map[string]bool{}
	for _, s := range statements {
		if s.Sid != "" && seen[s.Sid] {
			return fmt.Errorf("statement IDs (SID) in a single policy must be unique: %s", s.Sid)
		}
		seen[s.Sid] = true
	}
	return nil
}

// newStatement takes the principals off s, escapes it and checks what is left
// by the rules of an identity policy, which are the same for all kinds.
func newStatement(version string, s policy.Statement, kind Kind) (statement, error) {
	st := statement{principal: s.Principal, notPrincipal: s.NotPrincipal}
	if kind != Identity {
		if len(s.Principal) == 0 && len(s.NotPrincipal) == 0 {
			return statement{}, errors.New("missing required field Principal")
		}
		if err := validPrincipals(s.Principal, s.NotPrincipal); err != nil {
			return statement{}, err
		}
		s.Principal, s.NotPrincipal = nil, nil
	}
	if kind == Trust {
		if len(s.Resource) > 0 || len(s.NotResource) > 0 {
			return statement{}, errors.New("has prohibited field Resource")
		}
		s.Resource = policy.StringOrSlice{"*"}
	}
	var err error
	if st.alone, err = standAlone(version, s); err != nil {
		return statement{}, err
	}
	if err := policy.Parse(st.alone); err != nil {
		return statement{}, err
	}
	st.allow = s.Effect == "Allow"
	return st, st.split(version, s)
}

// standAlone writes s as a document with one statement, escaped for the
// evaluator.
func standAlone(version string, s policy.Statement) (string, error) {
	esc := escaper{variables: version == policy.Version2012}
	out := map[string]any{"Effect": s.Effect}
	add := func(name string, values policy.StringOrSlice, each func(string) string) {
		if len(values) == 0 {
			return
		}
		list := make([]string, len(values))
		for i, v := range values {
			list[i] = each(v)
		}
		out[name] = list
	}
	same := func(v string) string { return v }
	add("Action", s.Action, same)
	add("NotAction", s.NotAction, same)
	add("Resource", s.Resource, esc.pattern)
	add("NotResource", s.NotResource, esc.pattern)
	if len(s.Principal) > 0 {
		out["Principal"] = s.Principal
	}
	if len(s.NotPrincipal) > 0 {
		out["NotPrincipal"] = s.NotPrincipal
	}
	if len(s.Condition) > 0 {
		c, err := esc.condition(s.Condition)
		if err != nil {
			return "", err
		}
		out["Condition"] = c
	}
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": []any{out}})
	if version == "" {
		text, err = json.Marshal(map[string]any{"Statement": []any{out}})
	}
	return string(text), err
}
