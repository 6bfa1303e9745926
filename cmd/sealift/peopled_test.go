package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// peopled is a sandbox with roles beside its own whose trust asks for more.
// The sandbox keeps its account in a file, which is changed while it is
// stopped.
func peopled(t *testing.T) *sandboxtest.Sandbox {
	t.Helper()
	dir := t.TempDir()
	first := sandboxtest.Start(t, "--dir", dir)
	first.Stop(t)
	path := filepath.Join(dir, "account.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var account map[string]any
	if err := json.Unmarshal(text, &account); err != nil {
		t.Fatal(err)
	}
	roles := account["Roles"].(map[string]any)
	for name, condition := range map[string]any{
		"external-id-role": map[string]any{"StringEquals": map[string]any{"sts:ExternalId": "agreed"}},
		"mfa-role":         map[string]any{"Bool": map[string]any{"aws:MultiFactorAuthPresent": "true"}},
		"named-role":       map[string]any{"StringLike": map[string]any{"sts:RoleSessionName": "team-*"}},
	} {
		roles[name] = variant(t, roles["s3-uploader-role"], name, func(trust map[string]any) {
			trust["Statement"].([]any)[0].(map[string]any)["Condition"] = condition
		})
	}
	roles["untagged-role"] = variant(t, roles["s3-uploader-role"], "untagged-role", func(trust map[string]any) {
		trust["Statement"] = trust["Statement"].([]any)[:1]
	})
	if text, err = json.Marshal(account); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return sandboxtest.Start(t, "--dir", dir, "--mfa-code", "123456")
}

// variant is a role like another, with its own name and other trust.
func variant(t *testing.T, like any, name string, change func(trust map[string]any)) any {
	t.Helper()
	text, err := json.Marshal(like)
	if err != nil {
		t.Fatal(err)
	}
	var role map[string]any
	if err := json.Unmarshal(text, &role); err != nil {
		t.Fatal(err)
	}
	role["Name"], role["ID"] = name, "AROA"+name
	change(role["Trust"].(map[string]any))
	return role
}
