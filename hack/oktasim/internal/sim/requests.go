package sim

import (
	"context"
	"net/http"
	"slices"
	"time"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// settlePause is the wait before the replicas are looked at again.
const settlePause = 50 * time.Millisecond

// send makes a request and checks that the status is one of want. ok tells the
// caller whether it may go on; an error means that the whole run may not.
func (s *Sim) send(ctx context.Context, step *report.Step, method, path string, body any, want ...int) (answer *okta.Answer, ok bool, err error) {
	answer, err = s.Client.Do(ctx, step, okta.Request{Method: method, Path: path, Body: body})
	if err != nil {
		return nil, false, err
	}
	return answer, checkStatus(step, method, path, answer, want...), nil
}

// read sends GET and checks the answer, again and again while a check fails and the
// server's replicas may still differ (Config.SettleFor). Only the last answer counts.
func (s *Sim) read(
	ctx context.Context, step *report.Step, path string, want int, check func(*report.Step, *okta.Answer),
) (answer *okta.Answer, ok bool, err error) {
	judge := func(step *report.Step) {
		if ok = checkStatus(step, http.MethodGet, path, answer, want); ok {
			check(step, answer)
		}
	}
	err = s.settle(ctx, step, judge, func() (err error) {
		answer, err = s.Client.Do(ctx, step, okta.Request{Method: http.MethodGet, Path: path})
		return err
	})
	return answer, ok, err
}

// settle repeats a look at the server while the checks of what it has found fail and the
// replicas may still differ. The checks of the last look count.
func (s *Sim) settle(ctx context.Context, step *report.Step, judge func(*report.Step), look func() error) error {
	giveUp := s.Client.Now().Add(s.settleFor)
	for {
		if err := look(); err != nil {
			return err
		}
		trial := &report.Report{}
		judge(trial.Step("", ""))
		if trial.Failed() == 0 || !s.Client.Now().Before(giveUp) {
			judge(step)
			return nil
		}
		step.Retried()
		if err := s.Client.Sleep(ctx, settlePause); err != nil {
			return err
		}
	}
}

func checkStatus(step *report.Step, method, path string, answer *okta.Answer, want ...int) bool {
	return step.Check(slices.Contains(want, answer.Status), "%s %s: %d %s, want %v",
		method, path, answer.Status, answer.Body.Text("detail"), want)
}

// lookUp finds resources by an attribute. Okta takes 404 for an empty list too.
func (s *Sim) lookUp(ctx context.Context, step *report.Step, path, attribute, value string) ([]okta.Resource, bool, error) {
	query := okta.Query(path, attribute, value)
	answer, ok, err := s.send(ctx, step, http.MethodGet, query, nil, http.StatusOK, http.StatusNotFound)
	if err != nil || !ok || answer.Status == http.StatusNotFound {
		return nil, ok, err
	}
	found, _, ok := checkList(step, query, answer)
	return found, ok, nil
}

// create sends POST. When the answer to an attempt was lost, the resource may be
// there already: then 409 is no failure, and the resource is looked up. It may
// also be half there, its name taken and the resource missing; then POST is sent
// again, as the server has to repair that by itself.
func (s *Sim) create(ctx context.Context, step *report.Step, path string, body map[string]any, attribute string) (*okta.Answer, okta.Resource, error) {
	value, _ := body[attribute].(string)
	giveUp := s.Client.Now().Add(s.Client.RetryFor)
	for unsure := false; ; {
		answer, err := s.Client.Do(ctx, step, okta.Request{Method: http.MethodPost, Path: path, Body: body})
		if err != nil {
			return nil, nil, err
		}
		unsure = unsure || answer.Unsure
		if answer.Status != http.StatusConflict || !unsure {
			return answer, nil, nil
		}
		found, _, err := s.lookUp(ctx, step, path, attribute, value)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 1 {
			return answer, found[0], nil
		}
		if s.Client.Now().After(giveUp) {
			return answer, nil, nil
		}
		if err := s.Client.Sleep(ctx, time.Second); err != nil {
			return nil, nil, err
		}
	}
}
