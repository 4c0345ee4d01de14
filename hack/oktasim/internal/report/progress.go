package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

const barWidth = 30

// Progress shows how far the running step is: a bar on a terminal, otherwise one line when the step is done.
type Progress struct {
	// Out is where to write; nil shows nothing.
	Out io.Writer
	// Terminal says that Out can go back to the start of a line.
	Terminal bool

	mu    sync.Mutex
	title string
	total int
	done  int
}

// Start begins a step of total items.
func (p *Progress) Start(title string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.title, p.total, p.done = title, total, 0
	p.draw()
}

// Done counts one item as done.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

// End closes the step's line.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.Out == nil:
	case p.Terminal:
		fmt.Fprintln(p.Out)
	default:
		fmt.Fprintf(p.Out, "%s: %d of %d\n", p.title, p.done, p.total)
	}
}

func (p *Progress) draw() {
	if p.Out == nil || !p.Terminal {
		return
	}
	filled := barWidth
	if p.total > 0 {
		filled = barWidth * p.done / p.total
	}
	fmt.Fprintf(p.Out, "\r%-36s [%s%s] %d/%d", p.title, strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), p.done, p.total)
}
