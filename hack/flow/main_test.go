package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestThePictureIsThatOfTheText(t *testing.T) {
	text, err := os.ReadFile("flow.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := draw(string(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("flow.svg")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("flow.svg is not what flow.txt makes: run make generate (%v)", err)
	}
}

func TestThePictureHasWordsForWhoCannotSeeIt(t *testing.T) {
	svg, err := draw("title: A & B\ndesc: from <A>: to B\nbox a 1 1: A\nbox b 2 1: B | & more\nboth a b: along")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	name := ""
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			texts[name] += strings.TrimSpace(string(token))
		}
	}
	if texts["title"] != "A & B" || texts["desc"] != "from <A>: to B" || texts["text"] != "alongAB& more" {
		t.Errorf("got %q", texts)
	}
}

func TestATextThatMeansNothingIsAnError(t *testing.T) {
	for _, line := range []string{"circle a 1 1: A", "box a 1: A", "box a left 1: A", "arrow a b: no such boxes", "box"} {
		if _, err := draw("title: T\n" + line); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: got %v, want an error that names the line", line, err)
		}
	}
}
