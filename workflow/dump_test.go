package workflow

import (
	"encoding/json"
	"fmt"
	"io"
)

// dump writes v in every form that a log or a crash report might take.
func dump(w io.Writer, v any) {
	fmt.Fprintf(w, "%v\n%+v\n%#v\n", v, v, v)
	if data, err := json.Marshal(v); err == nil {
		fmt.Fprintf(w, "%s\n", data)
	}
}
