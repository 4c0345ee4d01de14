// Command flow makes the picture of the top README of flow.txt, which says how: flow in.txt out.svg.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"math"
	"os"
	"strings"
)

// The sizes of the picture, in pixels.
const (
	boxWidth, boxHeight = 216, 64
	columnGap, rowGap   = 118, 56
	margin, lineHeight  = 24, 17
)

//go:embed flow.css
var style string

// box is a box by its centre.
type box struct{ x, y float64 }

// picture is what the text has said so far. Boxes lie on arrows.
type picture struct {
	title, description string
	boxes              map[string]box
	width, height      float64
	below, above       bytes.Buffer
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "flow:", err)
		os.Exit(1)
	}
}

func run(files []string) error {
	if len(files) != 2 {
		return fmt.Errorf("want the file to read and the file to write")
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	svg, err := draw(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	return os.WriteFile(files[1], svg, 0o644)
}

// draw makes the SVG of a text.
func draw(text string) ([]byte, error) {
	p := picture{boxes: map[string]box{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\" "+
		"aria-labelledby=\"title desc\">\n  <!-- Made of flow.txt by make generate. -->\n  <title id=\"title\">%s</title>\n"+
		"  <desc id=\"desc\">%s</desc>\n  <style>\n%s  </style>\n  <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"%g\" height=\"%g\" rx=\"8\"/>\n%s%s</svg>\n",
		p.width, p.height, p.width, p.height, p.title, p.description, style, p.width-1, p.height-1, p.below.Bytes(), p.above.Bytes())
	return out.Bytes(), nil
}

// line carries out a line of the text.
func (p *picture) line(line string) error {
	head, tail, _ := strings.Cut(html.EscapeString(line), ":")
	words, texts := strings.Fields(head), strings.Split(strings.TrimSpace(tail), " | ")
	var column, row float64
	switch {
	case len(words) == 0 || words[0] == "#":
	case words[0] == "title":
		p.title = texts[0]
	case words[0] == "desc":
		p.description = strings.TrimSpace(tail)
	case words[0] == "box" && len(words) == 4:
		if _, err := fmt.Sscan(words[2]+" "+words[3], &column, &row); err != nil {
			return fmt.Errorf("column and row are numbers: %w", err)
		}
		p.box(words[1], column, row, texts)
	case (words[0] == "arrow" || words[0] == "both") && len(words) == 3:
		from, known := p.boxes[words[1]]
		to, knownToo := p.boxes[words[2]]
		if !known || !knownToo {
			return fmt.Errorf("%s or %s is no box above", words[1], words[2])
		}
		p.arrow(from, to, words[0] == "both", texts)
	default:
		return fmt.Errorf("%q is none of what flow.txt describes", line)
	}
	return nil
}

func (p *picture) box(name string, column, row float64, texts []string) {
	left, top := margin+(column-1)*(boxWidth+columnGap), margin+(row-1)*(boxHeight+rowGap)
	b := box{left + boxWidth/2, top + boxHeight/2}
	p.boxes[name] = b
	p.width, p.height = max(p.width, left+boxWidth+margin), max(p.height, top+boxHeight+margin)
	fmt.Fprintf(&p.above, "  <rect class=\"box\" x=\"%g\" y=\"%g\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", left, top, boxWidth, boxHeight)
	write(&p.above, "first", b.x, b.y, texts)
}

// write writes lines around a point; class is that of the first one in a box, and else of all.
func write(out *bytes.Buffer, class string, x, y float64, texts []string) {
	for i, text := range texts {
		if text == "" {
			continue
		}
		if class == "first" && i > 0 {
			class = "further"
		}
		fmt.Fprintf(out, "  <text class=%q x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y+4.5+(float64(i)-float64(len(texts)-1)/2)*lineHeight, text)
	}
}

func (p *picture) arrow(from, to box, both bool, texts []string) {
	x1, y1 := border(from, to)
	x2, y2 := border(to, from)
	fmt.Fprintf(&p.below, "  <path class=\"arrow\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x1, y1, x2, y2)
	p.head(x2, y2, math.Atan2(y2-y1, x2-x1))
	if both {
		p.head(x1, y1, math.Atan2(y1-y2, x1-x2))
	}
	if from.y == to.y {
		write(&p.below, "along", (x1+x2)/2, y1-8-float64(len(texts))*lineHeight/2, texts)
	} else {
		write(&p.below, "beside", (x1+x2)/2+9, (y1+y2)/2, texts)
	}
}

// head draws the head of an arrow at its end.
func (p *picture) head(x, y, angle float64) {
	fmt.Fprintf(&p.below, "  <path class=\"head\" d=\"M0 0L-7 -4.5L-7 4.5Z\" transform=\"translate(%.1f %.1f) rotate(%.1f)\"/>\n", x, y, angle*180/math.Pi)
}

// border is where the line from the centre of a box to that of another one leaves it.
func border(of, toward box) (x, y float64) {
	dx, dy := toward.x-of.x, toward.y-of.y
	part := min(boxWidth/2/math.Abs(dx), boxHeight/2/math.Abs(dy)) // of no distance: infinite
	return of.x + dx*part, of.y + dy*part
}
