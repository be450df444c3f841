-- An INS that a holder had before: it keeps leading to the holder, and is nobody else's. The holder's row carries them all, for those who
-- have it at hand.
CREATE TABLE former_ins (
    ins TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder BIGINT NOT NULL
);
ALTER TABLE holder ADD COLUMN former TEXT COLLATE "C" NOT NULL DEFAULT '';
