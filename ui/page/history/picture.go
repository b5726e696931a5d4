package history

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"bulla/ui/component/layout"
	"bulla/ui/safetext"
)

// picture is the timeline as a drawing: time runs to the right, each signer has a lane, each
// release is a dot.
type picture struct {
	Width, Height int
	Lanes         []lane
	Years         []year
	Dots          []dot
}

type lane struct {
	Name string
	Y    int
}

// Short is the name as far as there is room for it, to the left of the dots.
func (l lane) Short() string { return layout.Cut(l.Name, maxLaneName, "…") }

type year struct {
	Text string
	X    int
}

type dot struct {
	X, Y  int
	Class string
	Title string
}

const (
	pictureWidth = 1000
	pictureLeft  = 170
	pictureRight = 20
	laneHeight   = 26
	maxLanes     = 12 // the last one holds everybody else
	maxLaneName  = 22 // letters
	maxYears     = 60
)

// draw places the releases. Those without a date are left out.
func draw(list []shown) picture {
	p := picture{Width: pictureWidth}
	var first, last time.Time
	for _, r := range list {
		if r.Date.IsZero() {
			continue
		}
		if first.IsZero() || r.Date.Before(first) {
			first = r.Date
		}
		if r.Date.After(last) {
			last = r.Date
		}
	}
	span := max(1, last.Unix()-first.Unix())
	x := func(t time.Time) int {
		return pictureLeft + int(float64(t.Unix()-first.Unix())/float64(span)*(pictureWidth-pictureLeft-pictureRight))
	}
	lanes := map[string]int{}
	for i := len(list) - 1; i >= 0; i-- {
		r := list[i]
		if r.Date.IsZero() {
			continue
		}
		id, name := signerID(r.Release), signerName(r.Release)
		switch {
		case r.Signer() == nil && id != "":
			id, name = "unknown", "unknown keys"
		case id == "":
			name = "not signed"
		}
		at, known := lanes[id]
		if !known {
			at = min(len(p.Lanes), maxLanes-1)
			lanes[id] = at
			switch {
			case at == len(p.Lanes):
				p.Lanes = append(p.Lanes, lane{name, 20 + at*laneHeight})
			default:
				p.Lanes[at].Name = "others"
			}
		}
		title := safetext.Line(r.Tag) + ", " + r.Date.UTC().Format("2006-01-02") + ": " + short(r.Verdict())
		p.Dots = append(p.Dots, dot{x(r.Date), p.Lanes[at].Y, class(r.Release), title})
	}
	// Dots lie close together: none that is good may hide one that is not.
	slices.SortStableFunc(p.Dots, func(a, b dot) int { return cmp.Compare(rankOf(a.Class), rankOf(b.Class)) })
	p.Height = 20 + len(p.Lanes)*laneHeight + 20
	for y := first.Year() + 1; y <= last.Year() && len(p.Years) < maxYears && !first.IsZero(); y++ {
		p.Years = append(p.Years, year{strconv.Itoa(y), x(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC))})
	}
	return p
}

// rankOf orders the classes by how much there is to worry about.
func rankOf(class string) int {
	return slices.Index([]string{"good", "muted", "caution", "bad"}, class)
}
