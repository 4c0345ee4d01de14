#!/usr/bin/env bash
# An etcd whose database is cut off in the middle, as kine has one: an insert that failed is acknowledged, with the revision of
# another write, when the look at the key that follows works again; the object is nowhere. A key that was deleted and is created
# again gets the revision of whatever was written last. And a list of which the rows break off is a complete one. The first two
# came with v0.17.3.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/k3s-io/kine v0.17.5
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/k3s-io/kine/pkg/logstructured"
	"github.com/k3s-io/kine/pkg/logstructured/sqllog"
	"github.com/k3s-io/kine/pkg/server"
)

var errCut = errors.New("terminating connection due to administrator command")

// log is a database that answers each Append with the next of its outcomes, and has this event of every key.
type log struct {
	logstructured.Log
	outcomes []outcome
	latest   []*server.Event
}

type outcome struct {
	revision int64
	err      error
}

func (l *log) Append(context.Context, *server.Event) (int64, error) {
	next := l.outcomes[0]
	l.outcomes = l.outcomes[1:]
	return next.revision, next.err
}

func (l *log) List(context.Context, string, string, int64, int64, bool, bool) (server.EventBatch, error) {
	return server.EventBatch{CurrentRev: 40, Events: l.latest}, nil
}

// CurrentRevision is that of somebody else's write.
func (l *log) CurrentRevision(context.Context) (int64, error) { return 45, nil }

// cut is a database whose connection is lost behind the second row.
type cut struct{ row int64 }

func (c *cut) Open(string) (driver.Conn, error)          { return c, nil }
func (c *cut) Prepare(string) (driver.Stmt, error)       { return c, nil }
func (c *cut) Begin() (driver.Tx, error)                 { return nil, errCut }
func (c *cut) Close() error                              { return nil }
func (c *cut) NumInput() int                             { return 0 }
func (c *cut) Exec([]driver.Value) (driver.Result, error) { return nil, errCut }
func (c *cut) Query([]driver.Value) (driver.Rows, error) { return c, nil }
func (c *cut) Columns() []string {
	return []string{"current_rev", "compact_rev", "id", "name", "created", "deleted", "create_revision", "prev_revision", "lease"}
}

func (c *cut) Next(row []driver.Value) error {
	if c.row == 2 {
		return errCut
	}
	c.row++
	copy(row, []driver.Value{int64(40), int64(0), c.row, fmt.Sprint("/registry/", c.row), int64(1), int64(0), int64(0), int64(0), int64(0)})
	return nil
}

func main() {
	ctx := context.Background()
	failed := &log{outcomes: []outcome{{0, errCut}}}
	revision, err := logstructured.New(failed).Create(ctx, "/registry/a", nil, 0)
	fmt.Printf("an insert that failed: revision %d, error %v\n", revision, err)

	again := &log{outcomes: []outcome{{0, nil}, {42, nil}}, latest: []*server.Event{{Delete: true, KV: &server.KeyValue{ModRevision: 7}}}}
	revision, err = logstructured.New(again).Create(ctx, "/registry/a", nil, 0)
	fmt.Printf("a deleted key, created again with revision 42: revision %d, error %v\n", revision, err)

	sql.Register("cut", &cut{})
	db, err := sql.Open("cut", "")
	if err != nil {
		panic(err)
	}
	rows, err := db.Query("list")
	if err != nil {
		panic(err)
	}
	batch, _, err := sqllog.RowsToEvents(rows, false, false)
	fmt.Printf("a list that broke off after two rows: %d events, error %v; the rows say: %v\n", len(batch.Events), err, rows.Err())
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
an insert that failed: revision 45, error <nil>
a deleted key, created again with revision 42: revision 45, error <nil>
a list that broke off after two rows: 2 events, error <nil>; the rows say: terminating connection due to administrator command
SEEN
echo "kine v0.17.5: as stated"
