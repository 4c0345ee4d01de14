package pages

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// Notice is a page that says what happened and what to do next, in the place of the one that was asked for. Its texts are shown as
// they are.
type Notice struct {
	// Status is that of HTTP.
	Status int
	// Title says in a sentence what happened, Text what to do next.
	Title, Text string
	// Details are shown one a line, such as what was expected.
	Details []string
	// Links are where to go from here.
	Links []Link
	// Forward is where a browser goes by itself; "": nowhere.
	Forward string
}

// Link is an address with its text.
type Link struct{ Text, Address string }

// Error implements error.
func (n *Notice) Error() string { return n.Title }

// problem is an error with who got it.
type problem struct {
	visit *visit
	err   error
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// fail answers with a page that explains an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody waits for an answer
	}
	notice := explain(err)
	if notice.Status >= http.StatusInternalServerError {
		id := rand.Text()[:10]
		notice.Details = append(notice.Details, "Request "+id+", of which the log of the console says more.")
		s.Logger.Error(err, "A page of the console failed", "request", id, "method", r.Method, "page", r.Pattern)
	}
	var v *visit
	if p, ok := errors.AsType[*problem](err); ok {
		v = p.visit
	}
	p := s.newPage(r, v, notice.Title)
	p.Forward, p.Content = notice.Forward, notice
	if err := s.render(w, notice.Status, "notice", p); err != nil {
		s.Logger.Error(err, "A page of the console could not be made")
		http.Error(w, notice.Title, http.StatusInternalServerError)
	}
}

// explain says of an error what it means for who reads it.
func explain(err error) *Notice {
	if notice, ok := errors.AsType[*Notice](err); ok {
		return notice
	}
	var status apierrors.APIStatus
	_ = errors.As(err, &status)
	switch {
	case apierrors.IsForbidden(err):
		return &Notice{
			Status: http.StatusForbidden, Title: "You may not see or do this",
			Text:    "The cluster does not allow it. Who is in charge of it binds you to a role: see config/roles of the operator. My rights says what you may do.",
			Details: []string{sentence(status)}, Links: []Link{{"My rights", own + "me"}},
		}
	case apierrors.IsNotFound(err):
		return &Notice{
			Status: http.StatusNotFound, Title: "It is not there (any more)",
			Text: "It may have been deleted since the page that led here was made, or its name is mistyped.", Details: []string{sentence(status)},
		}
	case apierrors.IsConflict(err):
		return &Notice{
			Status: http.StatusConflict, Title: "Nothing was done: it has changed in the meantime",
			Text: "Look at it as it is now, and repeat what you did if that is still what you want.", Details: []string{sentence(status)},
		}
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return &Notice{Status: http.StatusUnprocessableEntity, Title: "Nothing was done: the cluster refused it", Text: "What it says of it:", Details: []string{sentence(status)}}
	case apierrors.IsUnauthorized(err):
		return &Notice{Status: http.StatusUnauthorized, Title: "The cluster no longer knows you", Text: "Your credentials have ended. Log in anew, and open the console again."}
	case meta.IsNoMatchError(err):
		return &Notice{Status: http.StatusServiceUnavailable, Title: "The cluster does not know the operator's kinds", Text: "Its definitions are not installed there (config/crd), or it is another cluster than you mean."}
	case isUnreachable(err):
		return &Notice{Status: http.StatusServiceUnavailable, Title: "The cluster cannot be reached", Text: "Wait a moment and reload the page. If that does not help, see whether the API server is there: the console's log says why not."}
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err):
		return &Notice{Status: http.StatusServiceUnavailable, Title: "The cluster does not answer in time", Text: "Wait a moment and reload the page. If that does not help, look at the API server and the operator's pods."}
	}
	return &Notice{Status: http.StatusInternalServerError, Title: "The page could not be made", Text: "Reload it. If that does not help, look at the console's log, and tell who runs it."}
}

// isUnreachable reports whether a request got no answer, for another reason than that its time was over.
func isUnreachable(err error) bool {
	unreached, ok := errors.AsType[*url.Error](err)
	return ok && !unreached.Timeout()
}

// sentence is what the API server says of an error.
func sentence(status apierrors.APIStatus) string {
	if status == nil {
		return ""
	}
	message := status.Status().Message
	if message != "" && !strings.HasSuffix(message, ".") {
		message += "."
	}
	return message
}

// number is n with its thousands apart.
func number(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
