package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

//go:embed templates
var sources embed.FS

// templates are the pages by name. Each has the layout and the parts that all share.
type templates struct{ byName map[string]*template.Template }

func parseTemplates() (*templates, error) {
	shared, err := template.New("layout").Funcs(functions).ParseFS(sources, "templates/shared/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the console's templates: %w", err)
	}
	names, err := sources.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("read the console's templates: %w", err)
	}
	all := &templates{byName: map[string]*template.Template{}}
	for _, file := range names {
		if file.IsDir() {
			continue
		}
		page, err := template.Must(shared.Clone()).ParseFS(sources, path.Join("templates", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the console's template %s: %w", file.Name(), err)
		}
		all.byName[strings.TrimSuffix(file.Name(), ".html")] = page
	}
	return all, nil
}

// page is what every template gets.
type page struct {
	// Title is the heading, and the first part of the window's title.
	Title string
	// Namespace is "" on pages of none.
	Namespace string
	// User is who is logged in, "" for nobody.
	User string
	// Form is the session's form token, Logout where it is ended.
	Form, Logout string
	// Section is the entry of the navigation that the page belongs to.
	Section string
	// Here is the page's own address, with all its state.
	Here string
	// Query is what the box at the top searches for.
	Query string
	// Forward is where the browser goes by itself.
	Forward string
	// Live is the address of the page's stream of changes; "": it is not live.
	Live string
	// Since are the states that the stream begins at.
	Since string
	// Done says what an action before has done.
	Done string
	// Content is the page's own.
	Content any
}

func (s *server) newPage(r *http.Request, v *visit, title string) *page {
	p := &page{Title: title, Here: r.URL.RequestURI()}
	if v != nil {
		p.Namespace, p.User, p.Form, p.Logout, p.Since = v.Namespace, v.Caller.User().Username, v.FormToken(), v.Logout, v.since
	}
	return p
}

// render makes the whole page before anything is sent, so that none ends in the middle.
func (s *server) render(w http.ResponseWriter, status int, name string, p *page) error {
	var b bytes.Buffer
	if err := s.pages.byName[name].ExecuteTemplate(&b, "layout", p); err != nil {
		return fmt.Errorf("make page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // a visitor who has gone needs no page
	return nil
}

var functions = template.FuncMap{
	"own":    func() string { return own },
	"time":   instant,
	"number": func(n any) string { return number(toInt(n)) },
	"lower":  strings.ToLower,
	"pill":   newPill,
	"where":  where,
	"prose":  prose,
	"deref":  func(b *bool) bool { return b != nil && *b },

	"trigger":    trigger,
	"sentence":   capital,
	"reasonPill": reasonPill,
	"plural": func(n any, one, many string) string {
		if toInt(n) == 1 {
			return one
		}
		return many
	},
}

func toInt(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int32:
		return int64(n)
	case int64:
		return n
	case *int32:
		if n != nil {
			return int64(*n)
		}
	}
	return 0
}

// moment is a time as pages show it: in UTC, which the script makes local.
type moment struct{ Exact, Short string }

// instant takes the kinds of time that objects have; the result is false in a template where there is none.
func instant(of any) *moment {
	var t time.Time
	switch of := of.(type) {
	case v1alpha1.Timestamp:
		t = of.Time
	case *v1alpha1.Timestamp:
		if of != nil {
			t = of.Time
		}
	case metav1.Time:
		t = of.Time
	case *metav1.Time:
		if of != nil {
			t = of.Time
		}
	case time.Time:
		t = of
	case *time.Time:
		if of != nil {
			t = *of
		}
	}
	if t.IsZero() || t.Unix() == 0 { // the epoch stands for never in default conditions
		return nil
	}
	t = t.UTC()
	return &moment{Exact: t.Format("2006-01-02T15:04:05.000000Z"), Short: t.Format("2006-01-02 15:04") + " UTC"}
}

// pill is a state in a word, told also by its sign, not by colour alone.
type pill struct{ Tone, Sign, Text string }

func newPill(tone, text string) pill {
	signs := map[string]string{"good": "✓", "bad": "✕", "warn": "!", "busy": "↻", "off": "–"}
	return pill{Tone: tone, Sign: signs[tone], Text: text}
}
