package kine

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// owner is the user that Debian's package makes. PostgreSQL refuses to run as root.
const owner = "postgres"

// asOwner is the command of one of PostgreSQL's programs, as the user owner where this one is root. It ends with the process
// that starts it.
func (d *Database) asOwner(program string, args ...string) []string {
	argv := append([]string{filepath.Join(d.programs, program)}, args...)
	if os.Geteuid() != 0 {
		return argv
	}
	// The kernel forgets the signal of StartProcess where the user changes.
	return append([]string{"setpriv", "--reuid=" + owner, "--regid=" + owner, "--init-groups", "--pdeathsig=KILL"}, argv...)
}

// giveToOwner makes a file or folder one of the user owner where this one is root.
func giveToOwner(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup(owner)
	if err != nil {
		return fmt.Errorf("PostgreSQL does not run as root: %w; Debian's package makes that user", err)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if uidErr != nil || gidErr != nil {
		return fmt.Errorf("user %s has the id %s of group %s, which are no numbers", owner, account.Uid, account.Gid)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return fmt.Errorf("giving %s to %s: %w", path, owner, err)
	}
	return nil
}
