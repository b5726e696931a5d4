package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// SyntaxError says what is wrong in bulla.toml and where. Line and Column count from 1; 0 means
// the file as a whole. It never quotes a value.
type SyntaxError struct {
	Line, Column int
	Message      string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// Parse reads the [policy] table out of a bulla.toml, strictly: what it does not understand in the
// table is a *SyntaxError. Other tables must be TOML and are passed over, for they may be of
// another version. Without the table it returns nil.
func Parse(data []byte) (*Policy, error) {
	if len(data) > maxSize {
		return nil, &SyntaxError{Message: "larger than 1 MiB"}
	}
	var doc struct {
		Policy *Table `toml:"policy"`
	}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&doc)
	if err := syntaxError(err); err != nil {
		return nil, err
	}
	if doc.Policy == nil {
		return nil, nil
	}
	p, err := doc.Policy.understand()
	var f *fault
	if errors.As(err, &f) {
		line, column := locate(data, f.path)
		return nil, &SyntaxError{Line: line, Column: column, Message: fmt.Sprintf("%q: %s", f.path, f.message)}
	}
	return p, err
}

// syntaxError turns the decoder's errors into ours, and forgives unknown keys of other tables.
func syntaxError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		for _, e := range strict.Errors {
			if k := e.Key(); len(k) > 0 && k[0] == "policy" {
				line, column := e.Position()
				return &SyntaxError{Line: line, Column: column, Message: fmt.Sprintf("unknown key %q", strings.Join(k, "."))}
			}
		}
		return nil
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		line, column := de.Position()
		message := strings.TrimPrefix(de.Error(), "toml: ")
		if k := strings.Join(de.Key(), "."); k != "" {
			message = fmt.Sprintf("%q: wrong type or value", k)
		}
		return &SyntaxError{Line: line, Column: column, Message: message}
	}
	if err != nil {
		return &SyntaxError{Message: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	return nil
}

// locate finds where a key is set, or else the nearest table around it. data must be TOML.
func locate(data []byte, path string) (line, column int) {
	places := places(data)
	for path != "" {
		if at, ok := places[path]; ok {
			before := data[:at]
			return 1 + bytes.Count(before, []byte("\n")), at - bytes.LastIndexByte(before, '\n')
		}
		if i := strings.LastIndexAny(path, ".["); i > 0 {
			path = path[:i]
		} else {
			path = ""
		}
	}
	return 0, 0
}

// places maps every table and key to its offset: "policy.signer[1].from". What stands in an array
// of inline tables is found at the array.
func places(data []byte) map[string]int {
	out := map[string]int{}
	elements := map[string]int{} // of arrays of tables
	var parser unstable.Parser
	parser.Reset(data)
	table := ""
	for parser.NextExpression() {
		e := parser.Expression()
		name, at := keyOf(e)
		switch e.Kind {
		case unstable.Table:
			table = element(elements, name)
		case unstable.ArrayTable:
			n := elements[name]
			elements[name] = n + 1
			table = fmt.Sprintf("%s[%d]", name, n)
			if n == 0 {
				out[name] = at
			}
		case unstable.KeyValue:
			name = strings.TrimPrefix(table+"."+name, ".")
			if _, known := out[name]; !known {
				out[name] = at
			}
			continue
		default:
			continue
		}
		out[table] = at
	}
	return out
}

// element puts the number of the current element behind a name that is an array of tables.
func element(elements map[string]int, name string) string {
	for array, n := range elements {
		if rest, ok := strings.CutPrefix(name, array+"."); ok {
			return fmt.Sprintf("%s[%d].%s", array, n-1, rest)
		}
	}
	return name
}

func keyOf(e *unstable.Node) (name string, at int) {
	var parts []string
	for it := e.Key(); it.Next(); {
		if len(parts) == 0 {
			at = int(it.Node().Raw.Offset)
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), at
}
