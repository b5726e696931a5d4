package artifacts

import (
	"sync"
	"time"
)

// progressInterval is the least time between two reports about the same file: twenty a second
// are more than an eye follows.
const progressInterval = 50 * time.Millisecond

// Progress says how far Sign has come. Sizes are in bytes.
type Progress struct {
	// File is the Name of the file that moved on; raw text.
	File                string
	FileDone, FileTotal int64
	Done, Total         int64 // over all files
	Files, FilesTotal   int   // finished files, all files
	// Finished says that this file is done: its signature stands. It is reported for each file
	// exactly once, and never dropped.
	Finished bool
}

// meter adds up the progress of files that are read at the same time.
type meter struct {
	mu   sync.Mutex
	tell func(Progress) // nil: nobody listens
	now  func() time.Time
	sum  Progress
}

func newMeter(tell func(Progress), files []File) *meter {
	m := &meter{tell: tell, now: time.Now, sum: Progress{FilesTotal: len(files)}}
	for _, f := range files {
		m.sum.Total += f.Size
	}
	return m
}

// fileMeter is one file's share of a meter. One goroutine uses it.
type fileMeter struct {
	m           *meter
	name        string
	done, total int64
	next        time.Time
}

func (m *meter) file(f File) *fileMeter { return &fileMeter{m: m, name: f.Name, total: f.Size} }

// report takes how many bytes were read so far and passes it on if the last time is long
// enough ago.
func (f *fileMeter) report(done, total int64) {
	if f.m.tell == nil {
		return
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.add(done, total)
	if now := f.m.now(); !now.Before(f.next) {
		f.next = now.Add(progressInterval)
		f.send(false)
	}
}

// finish reports the end of the file.
func (f *fileMeter) finish() {
	if f.m.tell == nil {
		return
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.add(f.total, f.total)
	f.m.sum.Files++
	f.send(true)
}

// add keeps the sums right even if the file's size is not what it was when it was found.
func (f *fileMeter) add(done, total int64) {
	f.m.sum.Done += done - f.done
	f.m.sum.Total += total - f.total
	f.done, f.total = done, total
}

func (f *fileMeter) send(finished bool) {
	p := f.m.sum
	p.File, p.FileDone, p.FileTotal, p.Finished = f.name, f.done, f.total, finished
	f.m.tell(p)
}
