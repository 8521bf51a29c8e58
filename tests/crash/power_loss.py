"""What a power loss leaves of a folder, from what file_recorder wrote down.

Kept for certain is what was synced: of a file, all that was written before a sync of it began that has ended; of names,
all changes to a folder before a sync of that folder. The rest is kept or lost by a policy:

  all      everything is there, as after a kill
  none     nothing but what was synced
  prefix   of each file the first few operations, the next one torn; the first few changes of names
  random   each sector of each write by itself; the first few changes of names; what a file grew by may be zeros
  nodir    all data, no change of names"""
import os
import struct

RECORD = struct.Struct("=IIQQIIQ")
(OPENED, CREATED, WRITTEN, RESIZED, SYNC_BEGUN, SYNC_ENDED, RENAMED, LINKED, REMOVED, FOLDER_MADE, FOLDER_REMOVED,
 FOLDER_SYNC_BEGUN, FOLDER_SYNC_ENDED) = range(1, 14)
POLICIES = ("all", "none", "prefix", "random", "nodir")
SECTOR = 512


class Operation:
    __slots__ = ("kind", "thread", "inode", "offset", "path", "path2", "data")

    def __init__(self, kind, thread, inode, offset, path, path2, data):
        self.kind, self.thread, self.inode, self.offset = kind, thread, inode, offset
        self.path, self.path2, self.data = path, path2, data


def read_log(path):
    with open(path, "rb") as file:
        content = file.read()
    at, operations = 0, []
    while at < len(content):
        kind, thread, inode, offset, length, length2, size = RECORD.unpack_from(content, at)
        at += RECORD.size
        name, name2 = content[at:at + length].decode(), content[at + length:at + length + length2].decode()
        at += length + length2
        operations.append(Operation(kind, thread, inode, offset, name, name2, content[at:at + size]))
        at += size
    return operations


class Content:
    """Of one file: what is durable, and what was done to it since."""
    __slots__ = ("durable", "pending")

    def __init__(self, durable=b""):
        self.durable, self.pending = bytearray(durable), []  # pending: (index, offset, data); data None: new size


def write(content, offset, data):
    if data is None:
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def parent(path):
    return os.path.dirname(path) or "."


class Disk:
    """A folder while operations go by. `sync_folders` False: syncs of folders do nothing."""

    def __init__(self, base=None, sync_folders=True):
        self.sync_folders = sync_folders
        self.index = 0
        self.by_inode = {}
        self.now = {}       # name: Content, as a reader would see it
        self.names = {}     # name: Content, durable
        self.folders = {"."}
        self.changes = []   # (index, kind, name, name2, Content)
        self.begun = {}
        self.told = {}      # inode: bytes of files elsewhere
        for place, _, files in os.walk(base) if base else ():
            inside = os.path.relpath(place, base)
            self.folders.add(inside)
            for name in files:
                path = os.path.normpath(os.path.join(inside, name))
                with open(os.path.join(place, name), "rb") as file:
                    self.names[path] = self.now[path] = Content(file.read())

    def feed(self, op):
        self.index += 1
        kind = op.kind
        if kind == CREATED:
            content = Content()
            self.by_inode[op.inode] = self.now[op.path] = content
            self.change(LINKED, op.path, op.path, content)
        elif kind == OPENED:
            self.by_inode[op.inode] = self.now[op.path]
        elif kind in (WRITTEN, RESIZED):
            content = self.by_inode.get(op.inode)
            if content is not None:
                content.pending.append((self.index, op.offset, op.data if kind == WRITTEN else None))
            elif kind == WRITTEN:
                self.told[op.inode] = self.told.get(op.inode, b"") + op.data
        elif kind in (SYNC_BEGUN, FOLDER_SYNC_BEGUN):
            self.begun[(op.thread, op.inode)] = self.index
        elif kind == SYNC_ENDED:
            self.settle(self.by_inode.get(op.inode), self.begun[(op.thread, op.inode)])
        elif kind == FOLDER_SYNC_ENDED and self.sync_folders:
            self.settle_names(op.path, self.begun[(op.thread, op.inode)])
        elif kind == RENAMED:
            content = self.now.pop(op.path, None)
            if content is None:
                move(self.now, op.path, op.path2)
            else:
                self.now[op.path2] = content
            self.change(RENAMED, op.path, op.path2, content)
        elif kind == LINKED:
            self.now[op.path2] = self.now[op.path]
            self.change(LINKED, op.path2, op.path2, self.now[op.path])
        elif kind == REMOVED:
            self.now.pop(op.path, None)
            self.change(REMOVED, op.path, op.path, None)
        elif kind in (FOLDER_MADE, FOLDER_REMOVED):
            self.change(kind, op.path, op.path, None)

    def change(self, kind, name, name2, content):
        self.changes.append((self.index, kind, name, name2, content))

    def settle(self, content, before):
        if content is not None:
            for index, offset, data in content.pending:
                if index < before:
                    write(content.durable, offset, data)
            content.pending = [entry for entry in content.pending if entry[0] >= before]

    def settle_names(self, folder, before):
        # A file system's own journal is ordered: what is older than a change that is durable is durable, too.
        last = max((entry[0] for entry in self.changes if entry[0] < before and folder in (parent(entry[2]), parent(entry[3]))),
                   default=0)
        for entry in self.changes:
            if entry[0] <= last:
                apply(self.names, self.folders, entry)
        self.changes = [entry for entry in self.changes if entry[0] > last]

    def image(self, policy, random):
        """(folders, {name: bytes}) that a power loss at this moment leaves."""
        names, folders = dict(self.names), set(self.folders)
        kept = {"all": len(self.changes), "none": 0, "nodir": 0}.get(policy)
        for entry in self.changes[:random.randint(0, len(self.changes)) if kept is None else kept]:
            apply(names, folders, entry)
        files = {}
        for name, content in names.items():
            files[name] = self.content(content, policy, random)
        return folders, files

    @staticmethod
    def content(content, policy, random):
        if not content.pending or policy == "none":
            return bytes(content.durable)
        bytes_now = bytearray(content.durable)
        if policy in ("all", "nodir"):
            for _, offset, data in content.pending:
                write(bytes_now, offset, data)
        elif policy == "prefix":
            count = random.randint(0, len(content.pending))
            for _, offset, data in content.pending[:count]:
                write(bytes_now, offset, data)
            if count < len(content.pending) and content.pending[count][2]:
                _, offset, data = content.pending[count]
                write(bytes_now, offset, data[:random.randint(0, len(data))])
        else:
            likely, unit = random.choice((0.2, 0.5, 0.8, 0.95)), random.choice((SECTOR, 4096, 1 << 40))
            size = len(bytes_now)
            for _, offset, data in content.pending:
                if data is None:
                    size = offset
                    if random.random() < likely:
                        write(bytes_now, offset, None)
                    continue
                size = max(size, offset + len(data))
                at = 0
                while at < len(data):
                    end = min(len(data), ((offset + at) // unit + 1) * unit - offset)
                    if random.random() < likely:
                        write(bytes_now, offset + at, data[at:end])
                    at = end
            if size > len(bytes_now) and random.random() < 0.7:
                write(bytes_now, size, None)
        return bytes(bytes_now)


def move(names, folder, folder2):
    """The folder has another name, and so has all that is in it."""
    for name in [name for name in names if name.startswith(folder + "/")]:
        names[folder2 + name[len(folder):]] = names.pop(name)


def apply(names, folders, entry):
    _, kind, name, name2, content = entry
    if kind == LINKED:
        names[name2] = content
    elif kind == RENAMED and content is None:  # a folder
        move(names, name, name2)
        for folder in [folder for folder in folders if folder == name or folder.startswith(name + "/")]:
            folders.discard(folder)
            folders.add(name2 + folder[len(name):])
    elif kind == RENAMED:
        names.pop(name, None)
        names[name2] = content
    elif kind == REMOVED:
        names.pop(name, None)
    elif kind == FOLDER_MADE:
        folders.add(name)
    elif kind == FOLDER_REMOVED:
        folders.discard(name)


def build(folders, files, place):
    """Writes an image at `place`, which must not stand."""
    for folder in sorted(folders):
        os.makedirs(os.path.join(place, folder), exist_ok=True)
    for name, content in files.items():
        if parent(name) in folders:  # a name whose folder was lost is lost with it
            with open(os.path.join(place, name), "wb") as file:
                file.write(content)
