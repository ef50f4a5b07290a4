package factory

import (
	"bufio"
	"errors"
	"strings"
)

// ErrDeclined is the error of a command that the user did not confirm.
var ErrDeclined = errors.New("nothing has been changed")

// Confirm asks a question on standard error, to be answered with y or yes. Where nobody can be asked, which InTerminal says, the error is
// told by the caller.
func (f *Factory) Confirm(question string) error {
	f.Say("%s [y/N]", question)
	answer, err := bufio.NewReader(f.IO.In).ReadString('\n')
	if err != nil && answer == "" {
		return ErrDeclined
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a == "y" || a == "yes" {
		return nil
	}
	return ErrDeclined
}
