package draft

import (
	"slices"
	"strings"
)

// Line is a line of a comparison of two texts. Sign is "+" for one that is new, "-" for one that goes, " " for one of both, and "@"
// where lines of both are left out.
type Line struct{ Sign, Text string }

const (
	// around is how many lines of both texts are shown around a difference.
	around = 3
	// maxCells bounds the memory of a comparison. Texts that differ in more lines are compared as a whole.
	maxCells = 1 << 20
)

// Diff compares two texts line by line; nil where they are the same.
func Diff(before, after string) []Line {
	if before == after {
		return nil
	}
	a, b := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), strings.Split(strings.TrimSuffix(after, "\n"), "\n")
	var head, tail []Line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head, a, b = append(head, Line{" ", a[0]}), a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail, a, b = append(tail, Line{" ", a[len(a)-1]}), a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return shorten(append(append(head, middle(a, b)...), tail...))
}

// middle compares by the longest common subsequence.
func middle(a, b []string) []Line {
	var lines []Line
	if len(a)*len(b) > maxCells {
		for _, text := range a {
			lines = append(lines, Line{"-", text})
		}
		a = nil
	}
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i, text := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			if text == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines, i, j = append(lines, Line{" ", a[i]}), i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			lines, i = append(lines, Line{"-", a[i]}), i+1
		default:
			lines, j = append(lines, Line{"+", b[j]}), j+1
		}
	}
	return lines
}

// shorten leaves out lines of both texts that are far from a difference.
func shorten(lines []Line) []Line {
	near := make([]bool, len(lines))
	for i, line := range lines {
		if line.Sign == " " {
			continue
		}
		for j := max(0, i-around); j <= min(len(lines)-1, i+around); j++ {
			near[j] = true
		}
	}
	var short []Line
	for i, line := range lines {
		switch {
		case near[i]:
			short = append(short, line)
		case i == 0 || near[i-1]:
			short = append(short, Line{Sign: "@", Text: "…"})
		}
	}
	return short
}
