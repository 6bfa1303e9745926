package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// A File is one configuration file: settings by flag name, and in the
// system's file the names that users may not set otherwise.
type File struct {
	Path   string // "" when there is no such file
	Locked []string

	values map[string]value
}

// A value is what a file says of one setting.
type value struct {
	text []string
	line int // from 1
}

// A FileError says what is wrong with a configuration file, and where.
type FileError struct {
	Path string
	Line int // from 1; 0 when it is about the file as a whole
	Err  error
}

// Error names the file, the line and the cause.
func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("read %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("read %s: line %d: %v", e.Path, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// ReadUser reads the user's file. One that is not there is empty; one that
// locks a setting, or holds a name that is not among settings, is a
// *FileError.
func ReadUser(path string, settings []string) (File, error) { return read(path, settings, false) }

// ReadSystem reads the system's file, which may lock settings:
//
//	locked = ["endpoint-url", "narrow"]
func ReadSystem(path string, settings []string) (File, error) { return read(path, settings, true) }

func read(path string, settings []string, mayLock bool) (File, error) {
	text, err := readAll(path)
	if err != nil || text == nil {
		return File{}, err
	}
	var raw map[string]any
	if err := toml.Unmarshal(text, &raw); err != nil {
		return File{}, syntaxError(path, err)
	}
	f := File{Path: path, values: map[string]value{}}
	lines := linesOf(text)
	for _, name := range slices.SortedFunc(maps.Keys(raw), func(a, b string) int { return lines[a] - lines[b] }) {
		if err := f.take(name, raw[name], settings, mayLock); err != nil {
			return File{}, &FileError{path, lines[name], err}
		}
		if v, ok := f.values[name]; ok {
			v.line = lines[name]
			f.values[name] = v
		}
	}
	return f, nil
}

// readAll returns nil without an error when there is no such file.
func readAll(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file") // a FIFO would be waited for
	}
	if err != nil {
		return nil, &FileError{Path: path, Err: cause(err)}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{Path: path, Err: cause(err)}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("over %d bytes", maxFile)
	}
	if err != nil {
		return nil, &FileError{Path: path, Err: cause(err)}
	}
	return append([]byte{}, text...), nil
}

// cause drops the path that the message around it names already.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func syntaxError(path string, err error) error {
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := d.Position()
		return &FileError{path, line, errors.New(strings.TrimPrefix(d.Error(), "toml: "))}
	}
	return &FileError{Path: path, Err: err}
}

func (f *File) take(name string, raw any, settings []string, mayLock bool) error {
	text, err := texts(raw)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case name == "locked" && !mayLock:
		return errors.New("only the system's file may lock settings")
	case name == "locked":
		for _, setting := range text {
			if !slices.Contains(settings, setting) {
				return fmt.Errorf("locked: unknown setting %q", setting)
			}
		}
		f.Locked = text
	case !slices.Contains(settings, name):
		return fmt.Errorf("unknown setting %q", name)
	default:
		f.values[name] = value{text: text}
	}
	return nil
}

// texts is a value as flags would be given it: one text for a string, number
// or boolean, several for a list, name=value for a table.
func texts(raw any) ([]string, error) {
	switch v := raw.(type) {
	case string:
		return []string{v}, nil
	case bool:
		return []string{strconv.FormatBool(v)}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	case []any:
		var all []string
		for _, element := range v {
			text, err := texts(element)
			switch element.(type) {
			case []any, map[string]any:
				err = errors.New("a list holds texts, numbers or booleans")
			}
			if err != nil {
				return nil, err
			}
			all = append(all, text...)
		}
		return all, nil
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text, ok := v[name].(string)
			if !ok {
				return nil, fmt.Errorf("%s is not a text", name)
			}
			all = append(all, name+"="+text)
		}
		return all, nil
	default:
		return nil, errors.New("neither text, whole number, boolean, list nor table")
	}
}

// linesOf finds the line of every top-level name of a well-formed file.
func linesOf(text []byte) map[string]int {
	lines := map[string]int{}
	var p unstable.Parser
	p.Reset(text)
	table := false
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.KeyValue && table {
			continue
		}
		table = table || e.Kind != unstable.KeyValue
		key := e.Key()
		if !key.Next() {
			continue
		}
		name := string(key.Node().Data)
		if _, known := lines[name]; !known {
			lines[name] = 1 + bytes.Count(text[:key.Node().Raw.Offset], []byte("\n"))
		}
	}
	return lines
}

func (f File) find(name string) (setting, bool) {
	v, ok := f.values[name]
	return setting{v.text, fmt.Sprintf("%s line %d", f.Path, v.line)}, ok
}
