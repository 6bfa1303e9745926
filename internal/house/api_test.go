package house

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write api.txt anew")

// public are the folders of the packages that others may import, with the most
// names that each may export: a small surface is a promise.
var public = map[string]int{
	"../..":         30,
	"../../policy":  30,
	"../../receipt": 30,
	"../../session": 30,
	"../../trail":   30,
	"../../sandbox": 30,
}

// What is exported is a promise; a change of it must show in a review.
func TestExportedNamesAreTheGoldenList(t *testing.T) {
	for dir, most := range public {
		names, lines := exported(t, dir)
		if len(names) > most {
			t.Errorf("%s exports %d names, at most %d: %v", dir, len(names), most, names)
		}
		golden := filepath.Join(dir, "api.txt")
		got := strings.Join(lines, "\n") + "\n"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s exports other names than %s lists; if that is meant, run: go test ./internal/house -update\n%s",
				dir, golden, difference(string(want), got))
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for dir := range public {
		for _, file := range parse(t, dir) {
			for _, decl := range file.Decls {
				undocumented(t, dir, decl)
			}
		}
	}
}

func undocumented(t *testing.T, dir string, decl ast.Decl) {
	t.Helper()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		obvious := d.Name.Name == "Error" || d.Name.Name == "Unwrap" // what they are, the interface says
		if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && !obvious {
			t.Errorf("%s: %s has no doc comment", dir, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			for _, name := range specNames(spec) {
				if ast.IsExported(name) && d.Doc == nil && specDoc(spec) == nil {
					t.Errorf("%s: %s has no doc comment", dir, name)
				}
			}
		}
	}
}

// exported returns the package's exported names, and a line for each of them
// and for each exported method.
func exported(t *testing.T, dir string) (names, lines []string) {
	t.Helper()
	for _, file := range parse(t, dir) {
		ast.FileExports(file)
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if !exportedReceiver(d) {
					continue
				}
				if d.Recv == nil {
					names = append(names, d.Name.Name)
				}
				d.Body, d.Doc = nil, nil
				lines = append(lines, source(t, d))
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					names = append(names, specNames(spec)...)
					lines = append(lines, specLines(t, d.Tok, spec)...)
				}
			}
		}
	}
	slices.Sort(names)
	slices.Sort(lines)
	return names, lines
}

// specLines is a line for each name, and for a struct each of its fields.
func specLines(t *testing.T, tok token.Token, spec ast.Spec) (lines []string) {
	t.Helper()
	ts, ok := spec.(*ast.TypeSpec)
	if !ok {
		for _, name := range specNames(spec) {
			lines = append(lines, tok.String()+" "+name)
		}
		return lines
	}
	st, ok := ts.Type.(*ast.StructType)
	if !ok {
		ts.Doc, ts.Comment = nil, nil
		return []string{"type " + source(t, ts)}
	}
	lines = append(lines, "type "+ts.Name.Name+" struct")
	for _, field := range st.Fields.List {
		kind := source(t, field.Type)
		if len(field.Names) == 0 {
			lines = append(lines, fmt.Sprintf("type %s struct, embedded %s", ts.Name.Name, kind))
		}
		for _, name := range field.Names {
			lines = append(lines, fmt.Sprintf("type %s struct, %s %s", ts.Name.Name, name.Name, kind))
		}
	}
	return lines
}

func specNames(spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		names = append(names, s.Name.Name)
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

func specDoc(spec ast.Spec) *ast.CommentGroup {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return s.Doc
	case *ast.ValueSpec:
		if s.Doc == nil {
			return s.Comment
		}
		return s.Doc
	}
	return nil
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	kind := d.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	id, ok := kind.(*ast.Ident)
	return ok && id.IsExported()
}

// parse reads the package's own files for any system, without its tests.
func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("no Go files in %s", dir)
	}
	return files
}

func source(t *testing.T, node any) string {
	t.Helper()
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), node); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	var b strings.Builder
	was, is := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}
