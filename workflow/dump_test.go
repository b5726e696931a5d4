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

func eventName(e Event) string {
	switch e := e.(type) {
	case StepStarted:
		return "StepStarted " + string(e.Step)
	case StepProgress:
		return "StepProgress " + string(e.Step)
	case StepDone:
		return "StepDone " + string(e.Step)
	case StepSkipped:
		return "StepSkipped " + string(e.Step)
	case Checked:
		return "Checked " + string(StepCheck)
	}
	return ""
}
