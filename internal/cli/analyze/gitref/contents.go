package gitref

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// contents reads files in one process. Names that lead to no file, such as links out of the repository, are left out.
func (r *repository) contents(ctx context.Context, ref, commit string, names []string, limit int) ([]File, error) {
	if len(names) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := command(ctx, r.root, "cat-file", "--batch", "--follow-symlinks")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	cmd.Stdin = strings.NewReader(commit + ":" + strings.Join(names, "\n"+commit+":") + "\n")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, explain(ctx, err, "")
	}
	var out []File
	answers := bufio.NewReader(pipe)
	for _, name := range names {
		var data []byte
		var found bool
		if data, found, err = answer(answers, limit); err != nil {
			break
		}
		if found {
			out = append(out, File{Name: ref + ":" + name, Data: data})
		}
	}
	if err != nil {
		ended := explain(ctx, err, complaint.String())
		cancel()
		_ = cmd.Wait()
		return nil, ended
	}
	return out, explain(ctx, cmd.Wait(), complaint.String())
}

// answer reads what git says of one file, see "BATCH OUTPUT" in https://git-scm.com/docs/git-cat-file.
func answer(r *bufio.Reader, limit int) (data []byte, found bool, err error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, false, err
	}
	words := strings.Fields(head)
	if len(words) < 2 {
		return nil, false, fmt.Errorf("git answers %q", head)
	}
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil { // "NAME missing", "NAME ambiguous"
		return nil, false, nil
	}
	if data, err = io.ReadAll(io.LimitReader(r, int64(min(size, limit+1)))); err != nil {
		return nil, false, err
	}
	if _, err := r.Discard(size - len(data) + 1); err != nil {
		return nil, false, err
	}
	return data, len(words) == 3 && words[1] == "blob", nil
}
